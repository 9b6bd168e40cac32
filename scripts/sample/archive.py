"""Zips with the same bytes for the same files: fixed order, times and permissions."""

import zipfile

TIME = (2025, 6, 20, 12, 0, 0)


def write_zip(path, folder):
    """Packs `folder` with its own name as the archive's root."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for entry in [folder, *sorted(folder.rglob("*"))]:
            name = entry.relative_to(folder.parent).as_posix()
            if entry.is_dir():
                archive.writestr(describe(f"{name}/", 0o40755), b"")
            else:
                archive.writestr(describe(name, 0o100644), entry.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def describe(name, mode):
    info = zipfile.ZipInfo(name, TIME)
    info.create_system = 3
    info.external_attr = mode << 16 | (0x10 if name.endswith("/") else 0)
    return info
