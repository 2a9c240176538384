"""The 26 scored classes of the 2021 challenge, by SNOMED CT code, and how often each source states them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Merge = Literal["official", "harmonised"]
Codes = frozenset[int]

SOURCES = (
    "cpsc_2018", "cpsc_2018_extra", "st_petersburg_incart", "ptb",
    "ptb-xl", "georgia", "chapman_shaoxing", "ningbo",
)  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """A class: its codes, and the recordings of each source (in the order of ``SOURCES``) that state one."""

    name: str
    codes: Codes
    stated: tuple[int, ...]


def _scored(name: str, codes: Iterable[int], *stated: int) -> Scored:
    return Scored(name, frozenset(codes), stated)


# codes that stand for one class are the four official pairs, CLBBB|LBBB, CRBBB|RBBB, PAC|SVPB and PVC|VPB;
# a recording with both codes of a pair counts twice, as in the official table
# fmt: off
OFFICIAL = (
    _scored("AF", (164889003,), 1221, 153, 2, 15, 1514, 570, 1780, 0),
    _scored("AFL", (164890007,), 0, 54, 0, 1, 73, 186, 445, 7615),
    _scored("BBB", (6374002,), 0, 0, 1, 20, 0, 116, 0, 385),
    _scored("Brady", (426627000,), 0, 271, 11, 0, 0, 6, 0, 7),
    _scored("LBBB", (164909002, 733534002), 236, 38, 0, 0, 536, 231, 205, 248),
    _scored("RBBB", (59118001, 713427006), 1857, 114, 2, 0, 542, 570, 454, 1291),
    _scored("IAVB", (270492004,), 722, 106, 0, 0, 797, 769, 247, 893),
    _scored("IRBBB", (713426002,), 0, 86, 0, 0, 1118, 407, 0, 246),
    _scored("LAD", (39732003,), 0, 0, 0, 0, 5146, 940, 382, 1163),
    _scored("LAnFB", (445118002,), 0, 0, 0, 0, 1626, 180, 0, 380),
    _scored("LPR", (164947007,), 0, 0, 0, 0, 340, 0, 12, 40),
    _scored("LQRSV", (251146004,), 0, 0, 0, 0, 182, 374, 249, 794),
    _scored("LQT", (111975006,), 0, 4, 0, 0, 118, 1391, 57, 337),
    _scored("NSIVCB", (698252002,), 0, 4, 1, 0, 789, 203, 235, 536),
    _scored("NSR", (426783006,), 918, 4, 0, 80, 18092, 1752, 1826, 6299),
    _scored("PAC", (284470004, 63593006), 616, 126, 7, 0, 555, 640, 258, 1063),
    _scored("PR", (10370003,), 0, 3, 0, 0, 296, 0, 0, 1182),
    _scored("PRWP", (365413008,), 0, 0, 0, 0, 0, 0, 0, 638),
    _scored("PVC", (427172004, 17338001), 0, 196, 0, 0, 0, 357, 294, 1091),
    _scored("QAb", (164917005,), 0, 1, 0, 0, 548, 464, 235, 828),
    _scored("RAD", (47665007,), 0, 1, 0, 0, 343, 83, 215, 638),
    _scored("SA", (427393009,), 0, 11, 2, 0, 772, 455, 0, 2550),
    _scored("SB", (426177001,), 0, 45, 0, 0, 637, 1677, 3889, 12670),
    _scored("STach", (427084000,), 0, 303, 11, 1, 826, 1261, 1568, 5687),
    _scored("TAb", (164934002,), 0, 22, 0, 0, 2345, 2306, 1876, 5167),
    _scored("TInv", (59931005,), 0, 5, 1, 0, 294, 812, 157, 2720),
)
# ventricular ectopics are what CPSC2018, PTB-XL and INCART write for ventricular premature beats; Ningbo
# calls fibrillation flutter, so that the two are one class wherever sources are compared
_ECTOPICS = _scored("", (164884008,), 700, 0, 49, 0, 1154, 0, 0, 0)
_EITHER = _scored("AF-or-AFL", (164889003, 164890007, 195080001), 1, 1, 1, 1, 1, 1, 1, 1)

CPSC9 = (
    _scored("NSR", (426783006,)), _scored("AF", (164889003,)), _scored("IAVB", (270492004,)),
    _scored("LBBB", (164909002,)), _scored("RBBB", (59118001,)), _scored("PAC", (284470004,)),
    _scored("PVC", (164884008,)), _scored("STD", (429622005,)), _scored("STE", (164931005,)),
)
RHYTHM4 = (
    _scored("AFIB", (164889003, 164890007)),
    _scored("GSVT", (427084000, 426761007, 713422000, 251166008, 233897008, 17366009)),
    _scored("SB", (426177001,)),
    _scored("SR", (426783006, 427393009)),
)
# fmt: on


def scored_classes(merge: Merge) -> tuple[Scored, ...]:
    """The scored classes: the official 26, or 25 that mean the same in every source."""
    if merge == "official":
        return OFFICIAL
    merged = [_EITHER]
    for one in OFFICIAL:
        if one.name == "PVC":
            stated = np.add(one.stated, _ECTOPICS.stated).tolist()
            merged.append(Scored("PVC", one.codes | _ECTOPICS.codes, tuple(stated)))
        elif one.name not in ("AF", "AFL"):
            merged.append(one)
    return tuple(merged)


def flags(stated: Sequence[Codes], classes: Sequence[Scored]) -> NDArray[np.bool_]:
    """Which classes each recording states, shape (recording, class)."""
    return np.array([[not one.codes.isdisjoint(codes) for one in classes] for codes in stated], bool).reshape(
        len(stated), len(classes)
    )


def known_by_source(classes: Sequence[Scored], merge: Merge) -> NDArray[np.bool_]:
    """Which classes the annotators of each source used at all, shape (source, class).

    A class that a source never states is unknown there, not absent.
    """
    known = np.array([one.stated for one in classes]).T > 0
    if merge == "official":
        # 7,615 recordings of flutter and none of fibrillation: there it is either
        known[SOURCES.index("ningbo"), [one.name for one in classes].index("AFL")] = False
    return known
