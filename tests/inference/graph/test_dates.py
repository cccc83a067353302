"""A date is read where it means one day, and is nothing where it could mean two or none."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mawaqif.errors import ConfigError
from mawaqif.inference.graph.dates import iso_date, period


@given(st.dates(date(1800, 1, 1), date(2199, 12, 31)), st.booleans())
def test_every_day_is_read_in_each_common_form(day: date, arabic_digits: bool) -> None:
    months = ["يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو"]
    months += ["يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"]
    english = day.strftime("%a, %d %b %Y %H:%M:%S GMT") if day.year >= 1900 else day.isoformat()
    forms = [day.isoformat(), f"{day:%Y/%m/%d}".zfill(10), day.isoformat() + "T10:00:00+03:00", english]
    forms += [f"الخميس، {day.day} {months[day.month - 1]}، {day.year}", day.isoformat().replace("-", "")]
    for form in forms:
        given_form = form.translate({ord("0") + n: ord("٠") + n for n in range(10)}) if arabic_digits else form
        assert iso_date(given_form) == day.isoformat()


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_two_possible_days_are_no_date(day: date) -> None:
    unclear = day.day <= 12 and day.day != day.month
    assert iso_date(f"{day.day}/{day.month}/{day.year}") == (None if unclear else day.isoformat())


@pytest.mark.parametrize(
    "given_form",
    [
        None,
        "",
        "2031",
        "2031-03",
        "2031-02-30",
        "1452-08-12",
        "12 رجب 1452",
        "أمس",
        "1930003200",
        "2031-13-01",
        "x" * 500,
    ],
)
def test_what_is_no_day_is_none(given_form: str | None) -> None:
    assert iso_date(given_form) is None


def test_two_names_of_a_month_must_agree() -> None:
    assert iso_date("6 آب/أغسطس 2031") == iso_date("6 آب (أغسطس) 2031") == "2031-08-06"
    assert iso_date("6 آب/يناير 2031") is None


def test_a_period_is_its_first_and_last_day() -> None:
    assert period("2032", "--since") == ("2032-01-01", "2032-12-31")
    assert period("2032-02", "--since") == ("2032-02-01", "2032-02-29")
    assert period("2032-02-03", "--since") == ("2032-02-03", "2032-02-03")
    for wrong in ("", "32", "2032-13", "2032-02-30", "yesterday", "1443"):
        with pytest.raises(ConfigError, match=r"--since: .* is no date; give YYYY"):
            period(wrong, "--since")


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    found = iso_date(text)
    assert found is None or date.fromisoformat(found)
