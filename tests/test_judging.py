"""Blinded pairs, a session that survives everything, and the merging of a class's files."""

import itertools
from collections import Counter

import pytest

from kryptonlib import judging, store

IMAGES = ["parrots", "lighthouse", "door"]
CANDIDATES = ["l1", "l2", "flip", "lpips"]
ABOUT = dict(images=IMAGES, candidates=CANDIDATES, study="kodak")


def test_every_pair_is_asked_once_on_every_image():
    trials = judging.draw(**ABOUT, observer="otter-1")
    asked = Counter((trial.image, frozenset((trial.first, trial.second))) for trial in trials)
    assert set(asked) == {(i, frozenset(p)) for i in IMAGES for p in itertools.combinations(CANDIDATES, 2)}
    assert set(asked.values()) == {1} and [trial.number for trial in trials] == list(range(18))


def test_order_and_sides_say_nothing_and_differ_between_observers():
    first, order = Counter(), Counter()
    for number in range(300):
        trials = judging.draw(**ABOUT, observer=f"otter-{number}")
        first.update(trial.first for trial in trials)
        order[trials[0].image, trials[0].first, trials[0].second] += 1
    # Each of the four is asked 300 x 9 times; half of them first, give or take 26 (one standard deviation).
    assert all(abs(first[candidate] - 1350) < 110 for candidate in CANDIDATES)
    # 36 ways to begin.
    assert len(order) == 36 and max(order.values()) < 25


def test_the_same_observer_gets_the_same_trials():
    assert judging.draw(**ABOUT, observer="otter-1") == judging.draw(**ABOUT, observer="otter-1")
    assert judging.draw(**ABOUT, observer="otter-1") != judging.draw(**ABOUT, observer="otter-2")


@pytest.mark.parametrize("count", range(1, 19))
def test_fewer_trials_are_spread_evenly(count):
    trials = judging.draw(**ABOUT, observer="otter-1", count=count)
    pairs = Counter(frozenset((trial.first, trial.second)) for trial in trials)
    assert len(trials) == count and max(pairs.values()) - (min(pairs.values()) if len(pairs) == 6 else 0) <= 1
    assert len({(trial.image, frozenset((trial.first, trial.second))) for trial in trials}) == count


def test_pseudonyms_are_names_that_can_be_used():
    names = {judging.pseudonym() for _ in range(50)}
    assert len(names) > 40
    for name in names:
        judging.draw(**ABOUT, observer=name)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"observer": "Ann Smith"}, "pseudonym"),
        ({"observer": "../x"}, "pseudonym"),
        ({"study": ""}, "study"),
        ({"images": []}, "images"),
        ({"candidates": ["l1"]}, "candidates"),
        ({"candidates": ["l1", "l1"]}, "different"),
        ({"count": 19}, "1 to 18"),
        ({"count": 0}, "1 to 18"),
    ],
)
def test_studies_that_cannot_be_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        judging.draw(**{**ABOUT, "observer": "otter-1", **change})


def test_vote_undo_and_resume(tmp_path):
    session = judging.Session(tmp_path, **ABOUT, observer="otter-1")
    keys = "ABBAB"
    for key in keys:
        session.vote(key)
    session.undo()
    session.vote("A")
    assert session.progress() == (5, 18) and session.current is session.trials[5]

    resumed = judging.Session(tmp_path, **ABOUT, observer="otter-1")
    assert "".join(resumed.keys) == "ABBAA" and resumed.current == session.current
    rows = judging.read(resumed.path)
    assert len(rows) == 5 and {row["observer"] for row in rows} == {"otter-1"}
    for row, trial, key in zip(rows, resumed.trials, "ABBAA"):
        expected = (trial.first, trial.second) if key == "A" else (trial.second, trial.first)
        assert (row["winner"], row["loser"]) == expected
        assert (int(row["trial"]), row["image"], row["key"]) == (trial.number, trial.image, key)
    assert [path.name for path in tmp_path.iterdir()] == ["kodak.otter-1.csv"]


def test_a_session_ends(tmp_path):
    session = judging.Session(tmp_path, **ABOUT, observer="otter-1", count=2)
    session.vote("A"), session.vote("B")
    assert session.current is None and session.progress() == (2, 2)
    with pytest.raises(ValueError, match="all 2 trials"):
        session.vote("A")
    session.undo(), session.undo()
    with pytest.raises(ValueError, match="no vote to take back"):
        session.undo()


@pytest.mark.parametrize("key", ["C", "a", "", None])
def test_other_keys_are_refused_and_change_nothing(tmp_path, key):
    session = judging.Session(tmp_path, **ABOUT, observer="otter-1")
    with pytest.raises(ValueError, match="'A' or 'B'"):
        session.vote(key)
    assert session.progress() == (0, 18) and not session.path.exists()


def test_a_vote_that_could_not_be_written_does_not_count(tmp_path, monkeypatch):
    session = judging.Session(tmp_path, **ABOUT, observer="otter-1")
    session.vote("A")

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(store.os, "replace", full)
    with pytest.raises(OSError):
        session.vote("B")
    assert session.keys == ["A"]
    monkeypatch.undo()
    assert judging.Session(tmp_path, **ABOUT, observer="otter-1").keys == ["A"]


def test_a_changed_study_does_not_take_up_old_votes(tmp_path):
    judging.Session(tmp_path, **ABOUT, observer="otter-1").vote("A")
    with pytest.raises(ValueError, match="another name"):
        judging.Session(tmp_path, **{**ABOUT, "candidates": ["l1", "l2", "flip", "ssim"]}, observer="otter-1")
    with pytest.raises(FileNotFoundError, match="no folder"):
        judging.Session(tmp_path / "none", **ABOUT, observer="otter-1")


def vote(folder, observer, keys):
    session = judging.Session(folder, **ABOUT, observer=observer)
    for key in keys:
        session.vote(key)
    return session.path


def test_files_of_a_class_merge_and_duplicates_are_found(tmp_path):
    (tmp_path / "again").mkdir()
    paths = [vote(tmp_path, f"otter-{number}", "AB" * 9) for number in range(3)]
    unfinished = vote(tmp_path / "again", "otter-1", "ABA")
    merged = judging.merge([*paths, unfinished])
    assert merged.observers == ["otter-0", "otter-1", "otter-2"] and len(merged.rows) == 54
    assert merged.duplicates == [(str(unfinished), "otter-1", number) for number in range(3)]
    observers, wins = judging.count(merged.rows, CANDIDATES)
    assert observers == merged.observers and wins.shape == (3, 4, 4)
    # Every observer judged every pair once on each of three images.
    for table in wins:
        assert ((table + table.T)[~(table + table.T == 0)] == 3).all() and table.sum() == 18
    row, same = merged.rows[0], ("observer", "winner", "loser")
    beaten = sum(all(other[key] == row[key] for key in same) for other in merged.rows)
    assert wins[0, CANDIDATES.index(row["winner"]), CANDIDATES.index(row["loser"])] == beaten
    assert len(judging.jod.scale(wins)) == 4


def test_an_observer_who_voted_twice_is_named(tmp_path):
    (tmp_path / "again").mkdir()
    paths = [vote(tmp_path, "otter-1", "AB"), vote(tmp_path / "again", "otter-1", "AA")]
    with pytest.raises(ValueError, match="'otter-1' answers trial 1 otherwise"):
        judging.merge(paths)


def test_a_candidate_that_nobody_saw_is_named(tmp_path):
    rows = judging.merge([vote(tmp_path, "otter-1", "AB" * 9)]).rows
    with pytest.raises(ValueError, match=r"nobody was shown \['ssim'\]"):
        judging.count(rows, [*CANDIDATES, "ssim"])
    with pytest.raises(ValueError, match=r"not named are \['lpips'\]"):
        judging.count(rows, CANDIDATES[:3])
    with pytest.raises(ValueError, match="no votes"):
        judging.count([], CANDIDATES)


HEADING = "study,observer,trial,image,winner,loser,key\n"


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "no file of votes"),
        ("a,b\n1,2\n", "has the columns a, b"),
        (HEADING + "kodak,otter-1,0,door,l1\n", "line 2 is no vote"),
        (HEADING + "kodak,otter-1,0,door,l1,l2,X\n", "line 2 is no vote"),
        (HEADING + "kodak,otter-1,-1,door,l1,l2,A\n", "line 2 is no vote"),
        (HEADING + "kodak,otter-1,0,door,l1,l1,A\n", "line 2 is no vote"),
        (HEADING + "kodak,Ann Smith,0,door,l1,l2,A\n", "pseudonym"),
    ],
)
def test_files_that_hold_no_votes_are_refused(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        judging.merge([tmp_path / "a.csv"])


def test_files_of_two_studies_and_of_none_are_refused(tmp_path):
    first = vote(tmp_path, "otter-1", "A")
    (tmp_path / "b.csv").write_text(HEADING + "set5,otter-2,0,door,l1,l2,A\n")
    with pytest.raises(ValueError, match="different studies: kodak .*set5"):
        judging.merge([first, tmp_path / "b.csv"])
    (tmp_path / "c.csv").write_text(HEADING)
    with pytest.raises(ValueError, match="hold no votes"):
        judging.merge([tmp_path / "c.csv"])
    with pytest.raises(FileNotFoundError):
        judging.merge([tmp_path / "d.csv"])


def test_a_spreadsheets_byte_order_mark_is_no_obstacle(tmp_path):
    (tmp_path / "a.csv").write_text(HEADING + "kodak,otter-1,0,door,l1,l2,A\n", encoding="utf-8-sig")
    assert len(judging.merge([tmp_path / "a.csv"]).rows) == 1
