"""Small files of every format, written by the libraries' own writers or byte by byte."""

from __future__ import annotations

import bz2
import gzip
import json
import struct
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from PIL import Image

from events import write_eer

MOVIE = np.arange(4 * 24 * 32, dtype=np.uint16).reshape(4, 24, 32)


def write_dm(path: Path, data: np.ndarray = MOVIE, version: int = 4, **fields) -> None:
    from nion.data.Calibration import Calibration
    from nion.data.DataAndMetadata import DataDescriptor, new_data_and_metadata
    from nionswift_plugin.DM_IO import dm3_image_utils

    axes = fields.get("axes", [(0.25, "s"), (0.02, "nm"), (10, "pm")])
    image = new_data_and_metadata(
        data,
        data_descriptor=DataDescriptor(data.ndim == 3, 0, 2),
        dimensional_calibrations=[Calibration(0, *axis) for axis in axes[-data.ndim :]],
        intensity_calibration=Calibration(*fields.get("brightness", (0, 1, ""))),
        metadata=fields.get("metadata", {"Microscope Info": {"Voltage": 300000.0}}),
    )
    with path.open("wb") as file:
        dm3_image_utils.save_image(image, file, version)


def write_dm3(path: Path, **options) -> None:
    write_dm(path, version=3, **options)


def write_mrc(path: Path, data: np.ndarray = MOVIE, voxel: float | None = 0.5) -> None:
    with mrcfile.new(path, data) as file:
        if data.ndim == 3:
            file.set_image_stack()
        if voxel is not None:
            file.voxel_size = voxel


def write_mrc_gz(path: Path, data: np.ndarray = MOVIE) -> None:
    write_mrc(path.with_suffix(""), data)
    packed = {".gz": gzip, ".bz2": bz2}[path.suffix].compress(path.with_suffix("").read_bytes())
    path.write_bytes(packed)


def write_ser(
    path: Path, data: np.ndarray = MOVIE, delta: float = 2e-11, version: int = 0x0220, **fields
) -> None:
    """TIA series: header, frames (lowest row first) each with a time tag, table of offsets."""
    pointer = "<I" if version <= 0x0210 else "<Q"
    code = {"u1": 1, "u2": 2, "i2": 5, "f4": 7}[data.dtype.str[1:]]
    body, offsets, tags = b"", [], []
    room = max(9, len(data))
    start = 26 + struct.calcsize(pointer)
    for frame, second in zip(data, fields.get("times", [0] * len(data)), strict=True):
        offsets.append(start + len(body))
        height, width = frame.shape
        body += struct.pack("<ddiddihii", 0, delta, 0, 0, 2 * delta, 0, code, width, height)
        tags.append(start + len(body) + frame.nbytes)
        body += frame[::-1].tobytes() + struct.pack("<HHI", 0x4152, 0, second)
    header = struct.pack("<HHHIIII", 0x4949, 0x0197, version, 0x4122, 0x4152, room, len(data))
    header += struct.pack(pointer, start + len(body)) + struct.pack("<I", 0)
    both = [
        b"".join(struct.pack(pointer, o) for o in [*places, *[0] * (room - len(places))])
        for places in (offsets, tags)
    ]
    path.write_bytes(header + body + b"".join(both))


def write_seq(
    path: Path, data: np.ndarray = MOVIE, version: int = 5, room: int = 0, **fields
) -> None:
    """StreamPix: header, frames in blocks of whole 512 bytes, each with its time after it."""
    header = bytearray(8192 if version >= 5 else 1024)
    block = -(-(data[0].nbytes + 8) // 512) * 512
    bits, (height, width) = 8 * data.itemsize, data.shape[1:]
    count = fields.get("count", len(data))
    header[:28] = struct.pack("<I24s", 0xFEED, "Norpix seq".encode("utf-16-le"))
    header[28:36] = struct.pack("<ii", version, 1024)
    numbers = width, height, bits, bits, data[0].nbytes, fields.get("format", 100), count, 0, block
    header[548:592] = struct.pack("<9Id", *numbers, 30.0)
    header[620] = fields.get("compression", 0)
    body = b""
    for number, frame in enumerate(data):
        second, rest = divmod(fields.get("step", 25_000) * number, 10**6)  # µs
        stamp = struct.pack("<IHH", 1_700_000_000 + second, rest // 1000, rest % 1000)
        body += (frame.astype(f"<u{data.itemsize}").tobytes() + stamp).ljust(block, b"\0")
    path.write_bytes(bytes(header) + body + bytes(room * block))


def write_velox(path: Path, detectors: tuple[str, ...] = ("BF",), **fields) -> None:
    """Velox file whose image is MOVIE, plus the position of the detector among ``detectors``."""
    with h5py.File(path, "w") as file:
        for number, detector in enumerate(detectors):
            group = file.create_group(f"Data/Image/{number:032d}")
            data = np.moveaxis(MOVIE + number, 0, 2)
            group.create_dataset("Data", data=data, chunks=(*MOVIE.shape[1:], 1))
            metadata = {
                "BinaryResult": {
                    "Detector": detector,
                    "PixelSize": {"width": "2e-11", "height": "3e-11"},
                    "PixelUnitX": fields.get("unit", "m"),
                    "PixelUnitY": fields.get("unit", "m"),
                },
                "Scan": {"FrameTime": "0.5"},
            }
            raw = []
            for stamp in fields.get("stamps", [None] * len(MOVIE)):  # µs
                if stamp is not None:
                    entry = {"type": "long", "value": str(stamp)}
                    metadata["CustomProperties"] = {f"Detectors[{detector}].TimeStamp": entry}
                text = json.dumps(metadata).encode().ljust(2000, b"\0")
                raw.append(np.frombuffer(text, np.uint8))
            group.create_dataset("Metadata", data=np.stack(raw, 1))


def write_berkeley(path: Path, data: np.ndarray = MOVIE) -> None:
    units = ("s", "n_m", "[u_m]")
    steps = (0.1, 0.02, 3e-5)
    with h5py.File(path, "w") as file:
        group = file.create_group("data/scan")
        group.attrs["emd_group_type"] = 1
        group["data"] = data
        for number, (step, unit) in enumerate(zip(steps, units, strict=True), 1):
            group[f"dim{number}"] = np.arange(data.shape[number - 1]) * step
            group[f"dim{number}"].attrs["units"] = np.bytes_(unit)


def write_hspy(path: Path, data: np.ndarray = MOVIE, **fields) -> None:
    """HyperSpy 2.5 (file format 3.3): axes in the order of the array, None as text."""
    axes = fields.get("axes", [("time", "s", 0.1), ("y", "nm", 0.02), ("x", "nm", 0.03)])
    images = fields.get("signal_axes", 2)
    with h5py.File(path, "w") as file:
        file.attrs.update(file_format="HyperSpy", file_format_version="3.3")
        group = file.create_group("Experiments/__unnamed__")
        group["data"] = data
        for i, (name, unit, scale) in enumerate(axes[-data.ndim :]):
            axis = group.create_group(f"axis-{i}")
            axis.attrs.update(
                {"name": name or "_None_", "units": unit or "_None_", "scale": scale},
                size=data.shape[i],
                offset=0.0,
                navigate=i < data.ndim - images,
            )
        group.create_group("metadata/General").attrs["title"] = "scan"


def write_tiff(path: Path) -> None:
    metadata = {"axes": "TYX", "unit": "nm", "finterval": 0.5}
    tifffile.imwrite(path, MOVIE, imagej=True, resolution=(50, 40), metadata=metadata)


def write_npy(path: Path) -> None:
    np.save(path, MOVIE)


def write_png(path: Path) -> None:
    Image.fromarray(MOVIE[0]).save(path)


WRITERS = {
    ".dm3": write_dm3,
    ".dm4": write_dm,
    ".mrc": write_mrc,
    ".mrcs": write_mrc,
    ".st": write_mrc,
    ".ali": write_mrc,
    ".preali": write_mrc,
    ".rec": write_mrc,
    ".map": write_mrc,
    ".mrc.gz": write_mrc_gz,
    ".mrc.bz2": write_mrc_gz,
    ".ser": write_ser,
    ".eer": write_eer,
    ".seq": write_seq,
    ".emd": write_velox,
    ".de5": write_berkeley,
    ".h5": write_berkeley,
    ".hdf5": write_berkeley,
    ".hspy": write_hspy,
    ".tif": write_tiff,
    ".tiff": write_tiff,
    ".npy": write_npy,
    ".png": write_png,
}


@pytest.fixture
def movie() -> np.ndarray:
    """The pixels of every sample file; PNG has the first frame only."""
    return MOVIE


@pytest.fixture
def make(tmp_path):
    """``make(name, **options)`` writes a sample file, its format chosen by the suffix."""

    def build(name: str, writer: str | None = None, **options) -> Path:
        path = tmp_path / name
        kind = writer or "".join(path.suffixes)
        WRITERS[kind if kind in WRITERS else path.suffix](path, **options)
        return path

    return build


@pytest.fixture
def sample():
    """``sample(name)`` is a file of others with known truth, where it lies beside the checkout."""

    def find(name: str) -> Path:
        path = Path(__file__).parents[3] / "shared" / "data" / "more" / name
        if not path.is_file():
            pytest.skip("no sample files beside the checkout")
        return path

    return find
