"""Whether the data that a notebook reads are on this machine."""

from kryptonlib import store


def problems(groups):
    """A sentence that names the one command to run, if data of these groups are missing.

    Args:
        groups: names of groups of ``data_scripts/packages.toml``: ``needs`` of a notebook in ``course.yaml``.

    Returns:
        A list of no or one sentence.
    """
    if not groups:
        return []
    get_data = store.load_script("get_data")
    packages, data = get_data.load_packages(), store.data_dir()
    known = {package["group"] for package in packages}
    unknown = [group for group in groups if group not in known]
    if unknown:
        return [f"course.yaml: needs names {', '.join(unknown)}; the data groups are {', '.join(sorted(known))}"]
    wanted = [package for package in packages if package["group"] in groups]
    absent = [package for package in wanted if get_data.state(package, data) != "complete"]
    if not absent:
        return []
    download = get_data.size(sum(package["bytes"] for package in absent))
    command = f"python -m kryptonlib data {' '.join(dict.fromkeys(package['group'] for package in absent))}"
    return [f"it needs data that are not here; fetch them (at most {download} to download) with  {command}"]
