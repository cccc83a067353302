"""Dates as articles write them, read only where they can mean one day.

What could be two days (03/04/2015), is no whole date (2015-08) or belongs to another calendar (1436-10-21) is None: a
stance without a date is counted as such, and none is placed by guessing.
"""

from __future__ import annotations

import calendar
import re
from datetime import date
from functools import cache

from mawaqif.errors import ConfigError
from mawaqif.text import fold

__all__ = ["iso_date", "period"]

_YEARS = range(1800, 2200)  # an Islamic or Persian year of today lies below
_TIME = r"(?:[t ,]+\d{1,2}:\d{2}.*)?"
_WEEKDAY = r"(?:[^\W\d]+ ?[,،]? )?"
_YMD = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}|(\d{{4}})(\d{{2}})(\d{{2}})(?:t.*)?")
_DMY = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}")
_DAY_FIRST = re.compile(rf"{_WEEKDAY}(\d{{1,2}}) ([^\d,،]+?) ?[,،]? (\d{{4}}){_TIME}")
_MONTH_FIRST = re.compile(rf"{_WEEKDAY}([^\W\d]+) (\d{{1,2}}) ?[,،] ?(\d{{4}}){_TIME}")
# Gulf and Egypt, Levant and Iraq, Maghreb, English.
_MONTHS = (
    "يناير|كانون الثاني|جانفي|january|jan",
    "فبراير|شباط|فيفري|february|feb",
    "مارس|آذار|march|mar",
    "أبريل|إبريل|نيسان|أفريل|april|apr",
    "مايو|أيار|ماي|may",
    "يونيو|حزيران|جوان|june|jun",
    "يوليو|تموز|جويلية|july|jul",
    "أغسطس|آب|أوت|august|aug",
    "سبتمبر|أيلول|شتنبر|september|sep|sept",
    "أكتوبر|تشرين الأول|october|oct",
    "نوفمبر|تشرين الثاني|نونبر|november|nov",
    "ديسمبر|كانون الأول|دجنبر|december|dec",
)


def iso_date(given: str | None) -> str | None:
    """The day as YYYY-MM-DD; None where nothing is given or it is not clear which day is meant.

    >>> iso_date("الخميس 6 آب/أغسطس 2015"), iso_date("13/08/2015"), iso_date("03/04/2015")
    ('2015-08-06', '2015-08-13', None)
    """
    if not given or len(given) > 100:
        return None
    text = fold(given)
    if found := _YMD.fullmatch(text):
        year, month, day = (found[1], found[3], found[4]) if found[1] else (found[5], found[6], found[7])
        return _day(int(year), int(month), int(day))
    if found := _DMY.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        days = {_day(year, second, first), _day(year, first, second)} - {None}
        return days.pop() if len(days) == 1 else None
    if (found := _DAY_FIRST.fullmatch(text)) and (month := _month(found[2])):
        return _day(int(found[3]), month, int(found[1]))
    if (found := _MONTH_FIRST.fullmatch(text)) and (month := _month(found[1])):
        return _day(int(found[3]), month, int(found[2]))
    return None


def period(given: str, option: str) -> tuple[str, str]:
    """First and last day of a year, a month or a day (2015, 2015-08, 2015-08-06). Raises ConfigError, which names
    `option`."""
    parts = [int(part) for part in given.split("-")] if re.fullmatch(r"\d{4}(-\d{2}){0,2}", given) else []
    if parts and parts[0] in _YEARS and len(parts) == 1:
        return f"{given}-01-01", f"{given}-12-31"
    if len(parts) == 2 and parts[0] in _YEARS and 1 <= parts[1] <= 12:
        return f"{given}-01", f"{given}-{calendar.monthrange(*parts)[1]}"
    if len(parts) == 3 and _day(*parts):
        return given, given
    raise ConfigError(f"{option}: {given!r} is no date; give YYYY, YYYY-MM or YYYY-MM-DD")


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat() if year in _YEARS else None
    except ValueError:
        return None


def _month(name: str) -> int | None:
    """The number of a month, also under two of its names: «آب/أغسطس», «آب (أغسطس)»."""
    found = {_numbers().get(part.strip()) for part in re.split(r"[/()]", name) if part.strip()}
    return found.pop() if len(found) == 1 else None


@cache
def _numbers() -> dict[str, int]:
    return {fold(name): number for number, names in enumerate(_MONTHS, 1) for name in names.split("|")}
