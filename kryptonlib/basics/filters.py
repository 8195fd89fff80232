"""Linear filters: the Wiener solution, the LMS algorithm that walks to it, and Wiener restoration of blurred images.

Conventions of the tutorial's slide "Adaptive Signal Processing": output y(i) = sum_k w_k x_k(i), error
e(i) = d(i) - y(i). LMS (Widrow and Hoff, 1960) is w <- w + mu e(i) x(i). Texts that write 2 mu have half our limits.
"""

import numpy as np


def delayed(signal, taps):
    """Rows of the last ``taps`` samples, newest first: [N, taps]; samples before the start are zero.

    >>> delayed([1, 2, 3], 2)
    array([[1., 0.],
           [2., 1.],
           [3., 2.]])
    """
    signal = np.asarray(signal, dtype=float)
    if signal.ndim != 1 or len(signal) == 0 or not np.all(np.isfinite(signal)):
        raise ValueError(f"signal must be a finite vector [N], got shape {signal.shape}")
    if taps < 1:
        raise ValueError(f"taps must be at least 1, got {taps}")
    padded = np.concatenate([np.zeros(taps - 1), signal])
    return np.lib.stride_tricks.sliding_window_view(padded, taps)[:, ::-1].copy()


def _checked(inputs, desired):
    inputs, desired = np.asarray(inputs, dtype=float), np.asarray(desired, dtype=float)
    if inputs.ndim != 2 or desired.shape != inputs.shape[:1]:
        raise ValueError(f"expected inputs [N, taps] and desired [N], got {inputs.shape} and {desired.shape}")
    return inputs, desired


def statistics(inputs, desired):
    """(R, p): the correlation matrix E[x x^T] [taps, taps] and the cross-correlation E[d x] [taps], as sample means."""
    inputs, desired = _checked(inputs, desired)
    return inputs.T @ inputs / len(inputs), inputs.T @ desired / len(inputs)


def wiener(inputs, desired):
    """The weights R^-1 p with the least mean square error on these samples; [taps]."""
    correlation, cross = statistics(inputs, desired)
    return np.linalg.solve(correlation, cross)


def largest_step(correlation):
    """2 / lambda_max of R: beyond it the mean of the LMS weights diverges."""
    return 2.0 / np.linalg.eigvalsh(correlation)[-1]


def lms(inputs, desired, step):
    """The LMS algorithm from zero weights.

    Args:
        inputs: [N, taps], for example from ``delayed``.
        desired: [N].
        step: the step size mu > 0.

    Returns:
        The weights after each sample [N + 1, taps]; row 0 is zero.
    """
    inputs, desired = _checked(inputs, desired)
    if step <= 0:
        raise ValueError(f"step must be positive, got {step}")
    path = np.zeros((len(inputs) + 1, inputs.shape[1]))
    for i, (x, d) in enumerate(zip(inputs, desired)):
        error = d - path[i] @ x
        path[i + 1] = path[i] + step * error * x
    return path


def mean_path(correlation, cross, step, steps):
    """How the mean of the LMS weights moves when successive inputs are independent: w <- w + mu (p - R w).

    Returns:
        [steps + 1, taps] from zero weights. It converges exactly when 0 < mu < 2 / lambda_max.
    """
    path = np.zeros((steps + 1, len(cross)))
    for i in range(steps):
        path[i + 1] = path[i] + step * (cross - correlation @ path[i])
    return path


def wiener_restoration(clean, noise, blur, kappa):
    """Degrade an image, restore it with a Wiener filter, and split what is wrong into its two parts.

    With the blur's transform H and the filter Phi = H* / (|H|^2 + kappa), the restored image is the clean one plus
    ringing, (Phi H - 1) applied to the clean image, plus noise, Phi applied to the noise (Tekalp and Sezan, 1990).

    Args:
        clean: image [rows, columns].
        noise: of the same shape; added after the blur.
        blur: standard deviation of the Gaussian blur in pixels; it wraps round at the border.
        kappa: the assumed ratio of the noise's power to the image's, above 0.

    Returns:
        {"degraded", "restored", "ringing", "amplified noise"}: images [rows, columns].
    """
    clean, noise = np.asarray(clean, dtype=float), np.asarray(noise, dtype=float)
    if clean.ndim != 2 or noise.shape != clean.shape:
        raise ValueError(f"expected an image [rows, columns] and noise like it, got {clean.shape} and {noise.shape}")
    if blur < 0 or kappa <= 0:
        raise ValueError(f"blur must not be negative and kappa must be above 0, got {blur} and {kappa}")
    rows, columns = (np.fft.fftfreq(size) for size in clean.shape)
    transfer = np.exp(-2 * np.pi**2 * blur**2 * (rows[:, None] ** 2 + columns**2))
    restore = transfer / (transfer**2 + kappa)
    image, added = np.fft.fft2(clean), np.fft.fft2(noise)
    spectra = {
        "degraded": transfer * image + added,
        "restored": restore * (transfer * image + added),
        "ringing": (restore * transfer - 1) * image,
        "amplified noise": restore * added,
    }
    return {name: np.fft.ifft2(spectrum).real for name, spectrum in spectra.items()}
