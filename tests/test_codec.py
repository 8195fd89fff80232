"""Files of the codec: what comes back, what is refused, and rates beside other coders."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kryptonlib import cli, compression, images, samples, small_weights, store
from kryptonlib.compression import binarization, bitstream, coding_tables, containers, gaps
from kryptonlib.compression import rate_distortion as rd
from kryptonlib.compression.autoencoder import Autoencoder
from kryptonlib.compression.codec import CONTEXT, TABLES, Codec
from kryptonlib.compression.context import ContextModel
from kryptonlib.compression.quantization import BETAS
from kryptonlib.compression.start import block_transform


def luma_of(name, size=None):
    image = images.to_uint8(images.limited_luma(images.as_rgb(samples.load(name).image)))
    return image if size is None else np.ascontiguousarray(image[: size[0], : size[1]])


def tensors(*arrays):
    return [torch.from_numpy(array).float()[None, None] for array in arrays]


@pytest.fixture(scope="module")
def net():
    """The transform that training begins with: no checkpoint is needed for what is tested here."""
    made = Autoencoder(128, hidden=(16, 64))
    crops = [luma_of(name)[i : i + 128, j : j + 128] for name in ("coffee", "rocket") for i in (0, 100) for j in (0, 200, 400)]
    block_transform(made, torch.cat(tensors(*crops)))
    return made


@pytest.fixture(scope="module")
def codec(net):
    tables = coding_tables.count(net, tensors(luma_of("coffee", (256, 256)), luma_of("rocket", (256, 256))), centred=True)
    context = ContextModel(torch.ones(9, 128) * 2, torch.arange(128))
    return Codec("test", net, tables, context)


# Files.


@pytest.mark.parametrize("mode", bitstream.MODES)
@pytest.mark.parametrize("size", [(64, 80), (1, 1), (17, 33), (16, 200)])
def test_a_file_gives_back_the_rounded_latents_exactly(codec, mode, size):
    luma = luma_of("chelsea", size)
    for beta in (1.0, 10.0):
        data = codec.encode(luma, beta, mode=mode)
        symbols, header = codec.decode_symbols(data)
        assert np.array_equal(symbols, codec.symbols(luma, beta))
        assert (header.size, header.beta, header.mode, header.name) == (luma.shape, beta, mode, "test")
        assert np.array_equal(codec.decode(data), codec.reconstruct(symbols, beta, luma.shape))


@pytest.mark.parametrize("mode", bitstream.MODES)
@pytest.mark.parametrize("kind", ["black", "white", "noise", "checkerboard"])
def test_images_that_no_photo_looks_like_come_through(codec, mode, kind):
    rows, columns = np.mgrid[:48, :48]
    luma = {
        "black": np.zeros((48, 48), np.uint8),
        "white": np.full((48, 48), 255, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8),
        "checkerboard": (255 * ((rows + columns) % 2)).astype(np.uint8),
    }[kind]
    data = codec.encode(luma, 1.0, mode=mode)
    assert np.array_equal(codec.decode_symbols(data)[0], codec.symbols(luma, 1.0))


def test_larger_betas_make_smaller_files_of_lower_quality(codec):
    luma = luma_of("chelsea", (160, 160))
    points = [rd.file_point(codec, luma, beta, "paper") for beta in (1.0, 2.0, 4.0, 8.0)]
    assert all(a.bpp > b.bpp and a.psnr > b.psnr for a, b in zip(points, points[1:]))


def test_in_the_paper_s_mode_a_file_is_little_above_the_entropy(net):
    luma = luma_of("coffee", (256, 256))
    own = Codec("test", net, coding_tables.count(net, tensors(luma), centred=True))
    entropy, real = rd.entropy_point(own, luma, 1.0), rd.file_point(own, luma, 1.0)
    # With probabilities counted on this very image; the header's 22 bytes are 0.003 bpp here.
    assert entropy.bpp < real.bpp < entropy.bpp + 0.04 and real.psnr == entropy.psnr


def test_adaptive_probabilities_mend_tables_of_other_images(codec):
    noise = np.random.default_rng(0).integers(60, 180, (192, 192), dtype=np.uint8)
    entropy = rd.entropy_point(codec, noise, 2.0).bpp
    paper, adaptive = (rd.file_point(codec, noise, 2.0, mode).bpp for mode in ("paper", "adaptive"))
    # The tables come from photos: noise has far larger coefficients.
    assert paper > entropy + 0.5 and entropy < adaptive < entropy + 0.25 * (paper - entropy)


@pytest.mark.parametrize("mode", bitstream.MODES)
def test_the_costs_of_the_coefficients_are_the_file(codec, mode):
    luma = luma_of("chelsea", (160, 200))
    symbols = codec.symbols(luma, 1.5)
    bits, data = codec.cost(symbols, 1.5, mode=mode), codec.encode_symbols(symbols, luma.shape, 1.5, mode=mode)
    assert data == codec.encode(luma, 1.5, mode=mode)
    assert bits.shape == (128, 10, 13) and (bits >= 0).all()
    rest = 8 * len(data) - bits.sum()
    header = 8 * (bitstream.FIXED.size + len("test") + 4)
    assert header - 8 < rest < header + 8 * 13


def test_gaps_are_those_of_the_files(codec):
    lumas = [luma_of("chelsea", (64, 80)), luma_of("rocket", (48, 48))]
    found = gaps.measure(codec, lumas, [1.0, 4.0])
    assert len(found) == 2 * 2 * 3 and all(gap.exact for gap in found)
    for gap in found:
        luma = lumas[0] if gap.pixels == lumas[0].size else lumas[1]
        data, entropy = codec.encode(luma, gap.beta, mode=gap.mode), rd.entropy_point(codec, luma, gap.beta)
        assert gap.size == 8 * len(data) and gap.bpp == pytest.approx(8 * len(data) / luma.size - entropy.bpp)
        rest = gap.size - gap.pixels * gap.bpp_of_maps.sum() - gap.entropies.sum() - 8 * gaps.header_bytes("test")
        assert -8 < rest < 8 * 13
    assert {gap.mode for gap in gaps.measure(codec, lumas[:1], [1.0], ["adaptive"])} == {"adaptive"}
    assert gaps.header_bytes("test") == len(codec.encode(lumas[0])) - 4 * len(bitstream.unpack(codec.encode(lumas[0]))[1])


@pytest.mark.parametrize("mode", bitstream.MODES)
def test_a_flipped_bit_is_an_error_and_without_the_checksum_other_coefficients(codec, mode):
    symbols = codec.symbols(luma_of("chelsea", (64, 80)), 1.0)
    data = codec.encode_symbols(symbols, (64, 80), mode=mode)
    damaged = gaps.flipped(data)
    assert sum((a ^ b).bit_count() for a, b in zip(data, damaged)) == 1
    with pytest.raises(compression.FormatError, match="checksum"):
        codec.decode(damaged)
    try:
        assert not np.array_equal(codec.decode_symbols(gaps.flipped(data, mended=True))[0], symbols)
    except compression.FormatError as error:
        assert "checksum" not in str(error)


def test_the_mean_maps_and_the_map_of_means_are_found(codec, net):
    index = int(codec.tables["exceptional"])
    # In a block transform the map of the blocks' means is the first.
    assert index == 0
    latents = net.encode(tensors(luma_of("coffee", (256, 256)))[0])
    other = net.encode(tensors(luma_of("rocket", (256, 256)))[0])
    mean = (latents.double().mean((0, 2, 3)) + other.double().mean((0, 2, 3))) / 2
    torch.testing.assert_close(codec.tables["means"].double(), mean.detach(), rtol=1e-4, atol=1e-4)


def test_tables_of_the_very_photos_are_those_a_codec_with_them_would_write_with(net, codec):
    lumas = [luma_of("chelsea", (64, 96)), luma_of("rocket", (96, 64))]
    for beta in (1.0, 4.0):
        symbols = np.concatenate([codec.symbols(luma, beta).reshape(128, -1) for luma in lumas], 1)
        probabilities = codec.tables["probabilities"].clone()
        probabilities[BETAS.index(beta)] = torch.from_numpy(binarization.count_probabilities(symbols).astype(np.int32))
        own = Codec("test", net, codec.tables | {"probabilities": probabilities})
        found = gaps.own_tables(codec, lumas, beta)
        for gap, bound in zip(gaps.measure(own, lumas, [beta], ["paper"]), found):
            assert -8 < gap.pixels * (gap.bpp - bound) < 8 * 13
        assert found.mean() < np.mean([gap.bpp for gap in gaps.measure(codec, lumas, [beta], ["paper"])])
    with pytest.raises(ValueError, match="no photos"):
        gaps.own_tables(codec, [], 1.0)


def test_where_bits_are_saved_adds_up():
    rng = np.random.default_rng(0)
    before = rng.random((6, 7)) + 0.1
    after = before * rng.random((6, 7))
    own, all_of_it = gaps.saved_where(before, after, 3)
    order = np.argsort(before.ravel())
    for number, group in enumerate(np.split(order, 3)):
        assert own[number] == pytest.approx(1 - after.ravel()[group].sum() / before.ravel()[group].sum())
    assert all_of_it.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="expected equal ones"):
        gaps.saved_where(before, after[:3])


def test_files_are_told_as_a_share_of_the_entropy_and_timed(codec):
    lumas = [luma_of("chelsea", (64, 80)), luma_of("rocket", (48, 48))]
    files = gaps.measure(codec, lumas, [1.0, 4.0], ["adaptive"])
    found = gaps.below_entropy(files, [4.0, 1.0])
    assert found.shape == (2, 2) and found[1, 0] == pytest.approx(1 - files[0].size / files[0].entropies.sum())
    assert 0 < gaps.seconds(codec, lumas[1]) < 60


# What is refused.


def test_a_damaged_file_is_told_in_words(codec):
    symbols = codec.symbols(luma_of("chelsea", (64, 80)), 1.0)
    data = codec.encode_symbols(symbols, (64, 80), mode="adaptive")
    assert gaps.attempt(codec, symbols, data) == "0% of the coefficients come out wrong"
    assert gaps.attempt(codec, symbols, gaps.flipped(data)).startswith("the decoder stops: *damaged: its checksum")
    # A bit in the last words changes few coefficients, and nobody notices but the checksum.
    late = gaps.flipped(data, place=0.95)
    assert [at for at, (a, b) in enumerate(zip(data, late)) if a != b] == [int(0.95 * len(data))]
    with pytest.raises(ValueError, match="place=1; expected 0 up to but not 1"):
        gaps.flipped(data, place=1)


@pytest.mark.long
@pytest.mark.parametrize("mode", bitstream.MODES)
def test_fifteen_hundred_forged_files_of_a_shipped_codec_end_in_an_image_or_one_error(mode):
    codec, rng = Codec.load("codec-10000"), np.random.default_rng(bitstream.MODES.index(mode))
    luma = luma_of("chelsea", (64, 80))
    good = codec.encode(luma, mode=mode)
    end = bitstream.FIXED.size + len(codec.name)
    decoded = 0
    for number in range(500):
        data = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            # Anything but the magic and the name, and the checksum is made to fit.
            at = rng.integers(end + 4, len(data)) if number % 5 else rng.integers(4, 6)
            data[at] = rng.integers(256)
        if number % 7 == 0:
            del data[end + 4 + 4 * rng.integers((len(data) - end) // 4) :]
        if number % 11 == 0:
            data += rng.bytes(4 * rng.integers(1, 9))
        struct.pack_into(">I", data, end, zlib.crc32(bytes(data[:end] + data[end + 4 :])))
        try:
            assert codec.decode(bytes(data)).shape == luma.shape
            decoded += 1
        except compression.FormatError as error:
            assert "checksum" not in str(error)
    assert decoded > 0


@pytest.mark.parametrize("mode", bitstream.MODES)
def test_a_forged_large_image_of_words_that_no_encoder_wrote_ends_at_once(codec, mode):
    words = np.random.default_rng(0).integers(0, 1 << 32, 20, dtype=np.uint32)
    data = bitstream.pack(bitstream.Header(mode, 1.0, (8192, 8192), "test", codec.fingerprint), words)
    with pytest.raises(compression.FormatError, match="^damaged: "):
        codec.decode(data)


FORGED = """
import resource, sys
import numpy as np
from kryptonlib.compression import Codec, bitstream
codec = Codec.load("codec-10000")
def decode(side):
    header = bitstream.Header(sys.argv[1], 1.0, (side, side), codec.name, codec.fingerprint)
    return codec.decode_symbols(bitstream.pack(header, np.zeros(0, np.uint32)))[0].size
decode(64)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = decode(4096)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / count)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
@pytest.mark.parametrize("mode", bitstream.MODES)
def test_a_forged_large_image_takes_no_more_than_64_bytes_a_coefficient(mode):
    # A file of no words is a grey image of any size; what it may cost is bounded by its pixels, of which there are at
    # most 64 Mi, half a coefficient each: 2 GiB.
    done = subprocess.run([sys.executable, "-c", FORGED, mode], capture_output=True, text=True, check=True, timeout=300)
    assert float(done.stdout) < 64


def test_files_of_others_are_refused_with_the_reason(codec, net):
    data = codec.encode(luma_of("chelsea", (32, 32)))
    other = Codec("other", net, codec.tables)
    with pytest.raises(compression.FormatError, match=r"made by the model test \(\w{8}\); this one is other"):
        other.decode(data)
    with pytest.raises(compression.FormatError, match=r"this one is test"):
        Codec("test", net, codec.tables).decode(data)
    with pytest.raises(compression.FormatError, match="not a file of this codec"):
        codec.decode(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(compression.FormatError, match="cut short"):
        codec.decode(data[:9])
    with pytest.raises(compression.FormatError, match="cut short"):
        codec.decode(data[:-3])
    with pytest.raises(compression.FormatError, match="checksum"):
        codec.decode(data[:-4])
    with pytest.raises(compression.FormatError, match="not a file of this codec"):
        codec.decode(b"")


def test_ten_thousand_damaged_files_raise_one_error(codec):
    rng = np.random.default_rng(0)
    good = codec.encode(luma_of("chelsea", (32, 48)), mode="paper")
    for _ in range(10_000):
        data = bytearray(good)
        kind = rng.integers(4)
        if kind == 0:
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        elif kind == 1:
            del data[rng.integers(len(data)) :]
        elif kind == 2:
            data[rng.integers(len(data)) :] = rng.bytes(rng.integers(1, 40))
        else:
            at = rng.integers(len(data))
            data[at : at + rng.integers(1, 9)] = b""
        if bytes(data) != good:
            with pytest.raises(compression.FormatError):
                codec.decode(bytes(data))


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=0, max_size=200), st.sampled_from(bitstream.MODES))
def test_words_that_no_encoder_wrote_end_in_an_image_or_one_error(codec, body, mode):
    # With a checksum that fits, as somebody might forge it: no crash, no hang, no more memory than the size asks for.
    body = body[: len(body) // 4 * 4]
    header = bitstream.Header(mode, 1.0, (40, 24), "test", codec.fingerprint)
    data = bitstream.pack(header, np.frombuffer(body, "<u4"))
    try:
        assert codec.decode(data).shape == (40, 24)
    except compression.FormatError as error:
        assert str(error).startswith("damaged: ")


def test_a_forged_size_is_refused_before_memory_is_taken(codec):
    data = bytearray(codec.encode(luma_of("chelsea", (32, 32)), mode="paper"))
    struct.pack_into(">HH", data, 6, 65535, 65535)
    end = bitstream.FIXED.size + len("test")
    struct.pack_into(">I", data, end, zlib.crc32(bytes(data[:end] + data[end + 4 :])))
    with pytest.raises(compression.FormatError, match="65535x65535 pixels"):
        codec.decode(bytes(data))


def test_what_is_no_luma_is_refused_with_a_hint(codec):
    with pytest.raises(TypeError, match=r"expected 8-bit luma, uint8 \[H, W\]; the codec knows luma only"):
        codec.encode(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(TypeError, match="got float64"):
        codec.encode(np.zeros((8, 8)))
    with pytest.raises(ValueError, match="beta: got 5"):
        codec.encode(np.zeros((8, 8), np.uint8), 5)
    with pytest.raises(ValueError, match="mode of test: got 'best'"):
        codec.encode(np.zeros((8, 8), np.uint8), mode="best")
    with pytest.raises(ValueError, match=r"symbols \(128, 2, 2\) for an image \(32, 33\); expected \(128, 2, 3\)"):
        codec.encode_symbols(np.zeros((128, 2, 2), np.int32), (32, 33))


# Stored, loaded, and at the command line.


@pytest.fixture
def stored(tmp_path, monkeypatch, codec, net):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    density = {"density.mean": torch.zeros(128, 3)}
    tables = {TABLES + name: value for name, value in codec.tables.items()}
    small_weights.write_small(net.state_dict() | density | tables, folder / "codec-test.safetensors")
    small_weights.write_small(net.state_dict() | density, folder / "codec-start.safetensors")
    context = ContextModel(torch.ones(9, 128) * 2, torch.arange(128))
    small_weights.write_small(context.state_dict(), folder / f"codec-test{CONTEXT}.safetensors")
    monkeypatch.setattr(store, "CHECKPOINTS", folder)
    return folder


def test_a_stored_codec_is_the_same_everywhere(stored, net):
    assert compression.names() == ["codec-test"]
    one, two = Codec.load("codec-test"), Codec.load("codec-test")
    assert one.fingerprint == two.fingerprint and sorted(one.modes) == sorted(bitstream.MODES)
    luma = luma_of("chelsea", (64, 64))
    data = one.encode(luma, 2.0)
    assert np.array_equal(two.decode(data), one.decode(data))
    assert bitstream.unpack(data)[0].mode == "context"
    (stored / f"codec-test{CONTEXT}.safetensors").unlink()
    assert Codec.load("codec-test").modes == ("paper", "adaptive")
    with pytest.raises(ValueError, match="did you mean codec-test"):
        Codec.load("codec-tset")


def test_the_command_line(stored, tmp_path, capsys):
    source, coded, back = tmp_path / "a.png", tmp_path / "a.klc", tmp_path / "b.png"
    luma = luma_of("chelsea", (60, 70))
    Image.fromarray(luma).save(source)
    assert cli.main(["encode", str(source), "-o", str(coded), "--codec", "codec-test", "--beta", "2"]) == 0
    said = capsys.readouterr().out
    assert "bit/pixel" in said and coded.stat().st_size > 20
    assert cli.main(["decode", str(coded), "-o", str(back)]) == 0
    assert np.array_equal(np.asarray(Image.open(back)), Codec.load("codec-test").decode(coded.read_bytes()))
    colour = tmp_path / "c.png"
    Image.fromarray(np.stack([luma] * 3, -1)).save(colour)
    for command, words in [
        (["encode", str(colour), "-o", str(coded), "--codec", "codec-test"], "--luma"),
        (["encode", str(source), "-o", str(coded), "--codec", "codec-test", "--beta", "5"], "beta: got 5"),
        (["decode", str(source), "-o", str(back)], "not a file of this codec"),
        (["decode", str(tmp_path / "none.klc"), "-o", str(back)], "there is no file"),
    ]:
        assert cli.main(command) == 2
        assert words in capsys.readouterr().err
    assert cli.main(["encode", str(colour), "-o", str(coded), "--codec", "codec-test", "--luma", "limited"]) == 0


# Rate and distortion.


def test_psnr_is_scikit_image_s():
    from skimage.metrics import peak_signal_noise_ratio

    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 256, (2, 20, 30), dtype=np.uint8)
    assert rd.psnr(one, two) == pytest.approx(peak_signal_noise_ratio(one, two, data_range=255))
    assert rd.psnr(one, one) == float("inf")
    with pytest.raises(ValueError, match="expected equal, uint8"):
        rd.psnr(one, two[:3])


def curve(bpps, psnrs):
    return [rd.Point(*pair) for pair in zip(bpps, psnrs)]


def test_bd_rate_is_the_package_s_and_has_the_right_sign():
    import bjontegaard

    anchor = curve([0.1, 0.3, 0.6, 1.1, 1.6], [27.0, 30.1, 33.2, 36.4, 38.9])
    test = curve([0.09, 0.25, 0.5, 0.9, 1.5], [27.1, 30.2, 33.1, 36.2, 39.3])
    numbers = [[p.bpp for p in anchor], [p.psnr for p in anchor], [p.bpp for p in test], [p.psnr for p in test]]
    assert rd.bd_rate(anchor, test) == pytest.approx(bjontegaard.bd_rate(*numbers, method="cubic"), rel=1e-6)
    assert rd.bd_psnr(anchor, test) == pytest.approx(bjontegaard.bd_psnr(*numbers, method="cubic"), rel=1e-6)
    tenth_less = [rd.Point(0.9 * p.bpp, p.psnr) for p in anchor]
    assert rd.bd_rate(anchor, tenth_less) == pytest.approx(-10)
    better = [rd.Point(p.bpp, p.psnr + 0.5) for p in anchor]
    assert rd.bd_psnr(anchor, better) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="a cubic needs 4 points"):
        rd.bd_rate(anchor[:3], test)
    with pytest.raises(ValueError, match="share no PSNR"):
        rd.bd_rate(anchor, [rd.Point(p.bpp, p.psnr + 50) for p in test])


def test_the_mean_curve_can_say_the_opposite_of_every_image():
    """One coder reaches a fixed PSNR in every image, the other spends its bits elsewhere: on each image the second
    needs more rate, and its mean curve lies better."""
    qualities = np.array([28.0, 31, 34, 37, 40])
    easy, hard = 2 ** ((qualities - 40) / 6), 4 * 2 ** ((qualities - 40) / 6)
    anchors = [curve(easy, qualities), curve(hard, qualities)]
    moved = [curve(1.1 * easy * 2 ** (5 / 6), qualities + 5), curve(1.1 * hard * 2 ** (-5 / 6), qualities - 5)]
    assert rd.bd_rate_per_image(anchors, moved) == pytest.approx([10, 10])
    assert rd.bd_rate(rd.mean_curve(anchors), rd.mean_curve(moved)) < 0
    with pytest.raises(ValueError, match="expected equal ones"):
        rd.mean_curve([anchors[0], anchors[1][:3]])


@pytest.mark.parametrize("name", list(rd.CODERS))
def test_other_coders_give_rising_curves(name):
    luma = luma_of("chelsea", (128, 160))
    points = [rd.other_point(name, luma, setting) for setting in rd.CODERS[name][1]]
    assert all(a.bpp < b.bpp and a.psnr < b.psnr for a, b in zip(points, points[1:]))
    if "fixed PSNR" in name:
        assert all(abs(point.psnr - point.setting) < 1.5 for point in points[2:])
    assert all((point.container > 0) == ("HEIF" in name) for point in points)


def test_fixed_rate_is_the_rate_asked_for():
    luma = luma_of("camera")
    point = rd.other_point("JPEG 2000, 9/7, fixed rate", luma, 16)
    assert point.bpp == pytest.approx(0.5, abs=0.01) and point.psnr == pytest.approx(33.6, abs=1.5)


def test_a_heif_file_s_container_is_what_lies_outside_its_media_box():
    box = struct.pack(">I", 20) + b"ftyp" + bytes(12) + struct.pack(">I", 11) + b"mdat" + b"abc"
    assert containers.container_bytes(box) == 28

    def nest(kind, inside):
        return struct.pack(">I", 8 + len(inside)) + kind + inside

    # HEVC's parameter sets are no container's: they lie in meta, iprp, ipco.
    sets = nest(b"ipco", nest(b"ispe", bytes(12)) + nest(b"hvcC", bytes(115)))
    meta = nest(b"meta", bytes(4) + nest(b"hdlr", bytes(20)) + nest(b"iprp", sets))
    assert containers.container_bytes(box + meta) == 28 + len(meta) - 115
    data = rd.CODERS["HEVC intra (x265 in HEIF)"][0](luma_of("camera"), 20)
    box = data.index(b"hvcC") - 4
    media = data.index(b"mdat") - 4
    lengths = [int.from_bytes(data[at : at + 4], "big") - 8 for at in (box, media)]
    assert containers.container_bytes(data) == len(data) - sum(lengths)
    with pytest.raises(ValueError, match="did you mean JPEG"):
        rd.other_point("JPG", luma_of("camera"), 3)


def test_a_codestream_s_header_is_what_stands_before_its_data():
    luma = luma_of("camera")
    for setting in (16, 200):
        data = rd.CODERS["JPEG 2000, 9/7, fixed rate"][0](luma, setting)
        assert containers.jpeg2000_header_bytes(data) == data.index(b"\xff\x93") + 4 < 200
    point = rd.other_point("JPEG 2000, 9/7, fixed rate", luma, 200)
    (bare,) = rd.without_headers([point], luma.size)
    assert bare.bpp == pytest.approx(8 * (len(data) - point.header) / luma.size) and bare.psnr == point.psnr
    assert rd.other_point("JPEG", luma, 50).header == 0
    with pytest.raises(ValueError, match="expected a codestream"):
        containers.jpeg2000_header_bytes(b"\x89PNG")
    for cut in (0, 2, 30, 100):
        with pytest.raises(ValueError, match="without the marker SOD"):
            containers.jpeg2000_header_bytes(data[: 2 + cut])


def test_a_curve_as_files_has_the_same_quality_and_the_files_sizes(codec):
    luma = luma_of("chelsea", (64, 80))
    curve = [rd.entropy_point(codec, luma, beta) for beta in (1.0, 4.0)]
    for point, file in zip(curve, rd.as_files(codec, luma, curve)):
        assert (file.psnr, file.setting) == (point.psnr, point.setting)
        assert file.bpp == rd.file_point(codec, luma, point.setting).bpp


def test_bd_psnr_of_means_and_images_and_the_table_of_both():
    anchors = [curve([0.1, 0.3, 0.6, 1.1], [27.0, 30.1, 33.2, 36.4])]
    anchors.append(curve([0.2, 0.5, 0.9, 1.6], [25.0, 28.1, 31.2, 34.4]))
    tests = [[rd.Point(p.bpp, p.psnr + more) for p in some] for some, more in zip(anchors, (1.0, 2.0))]
    gain, gains = rd.two_bd_psnrs(anchors, tests)
    assert gains == pytest.approx([1, 2]) and gain == pytest.approx(1.5)
    far = [[rd.Point(p.bpp / 100, p.psnr) for p in tests[0]], tests[1]]
    assert np.isnan(rd.two_bd_psnrs(anchors, far)[1]).tolist() == [True, False]
    rates = np.array([-10.0, 4.0])
    head, rule, row = rd.bd_table("case 3", {"JPEG": (-5.0, rates, gain, gains)}).split("\n")
    assert head.count("|") == rule.count("|") == row.count("|")
    assert row == "| JPEG | -5.0 % | -3.0 % | 1 of 2 images | +1.50 dB | +1.50 dB |"
    assert rd.mean_curves({"a": anchors}, below=0.5)["a"] == rd.mean_curve(anchors)[:2]
    assert rd.slug("HEVC intra (x265 in HEIF)") == "hevc-intra-x265-in-heif"


def test_pictures_are_headed_with_rate_and_quality():
    luma = luma_of("camera", (32, 32))
    worse = np.clip(luma, 30, 200)
    found = rd.titles(luma, {"original": (luma, 8.0), "clipped": (worse, 0.25)})
    assert found == ["original", f"clipped\n0.250 bit/pixel, {rd.psnr(luma, worse):.1f} dB"]
