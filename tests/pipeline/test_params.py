from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from pipeline.errors import ParamsError
from pipeline.params import Section, load


class Brew(Section):
    temperature_c: float = Field(ge=0, le=100)
    minutes: int


class Machine(Section):
    brew: Brew


@pytest.fixture
def params(tmp_path: Path):
    def written(text: str) -> Path:
        path = tmp_path / "params.yaml"
        path.write_text(text)
        return path

    return written


def test_a_section_becomes_its_frozen_type(params):
    brew = load("brew", Brew, params("brew: {temperature_c: 93.5, minutes: 4}"))
    assert brew == Brew(temperature_c=93.5, minutes=4)
    with pytest.raises(ValidationError):
        brew.minutes = 5  # type: ignore[misc]


def test_an_unknown_key_names_the_nearest_known_one(params):
    with pytest.raises(ParamsError, match=r"Unknown parameter brew\.temprature_c") as error:
        load("brew", Brew, params("brew: {temprature_c: 93, temperature_c: 93, minutes: 4}"))
    assert "temperature_c (the nearest known one)" in str(error.value)


def test_a_misspelt_key_is_named_though_the_right_one_is_missing_as_well(params):
    with pytest.raises(ParamsError, match=r"Unknown parameter brew\.minuets") as error:
        load("brew", Brew, params("brew: {temperature_c: 93, minuets: 4}"))
    assert "minutes (the nearest known one)" in str(error.value)


def test_an_unknown_key_of_an_inner_section_names_the_nearest_one_there(params):
    with pytest.raises(ParamsError, match=r"Unknown parameter machine\.brew\.minuets") as error:
        load("machine", Machine, params("machine: {brew: {temperature_c: 93, minuets: 4}}"))
    assert "minutes (the nearest known one); all: temperature_c, minutes" in str(error.value)


@pytest.mark.parametrize("value", ["hot", "120", "null"])
def test_a_value_out_of_range_or_type_is_refused_with_its_name(params, value: str):
    with pytest.raises(ParamsError, match=r"brew\.temperature_c"):
        load("brew", Brew, params(f"brew: {{temperature_c: {value}, minutes: 4}}"))


@pytest.mark.parametrize("text", ["", "- a\n- b", "brew: [", "tea: {}", "\tbrew: 1"])
def test_a_file_without_the_section_or_that_is_not_yaml_is_refused(params, text: str):
    with pytest.raises(ParamsError):
        load("brew", Brew, params(text))


def test_a_missing_params_file_says_where_it_was_looked_for(tmp_path: Path):
    with pytest.raises(ParamsError, match=r"no params\.yaml here"):
        load("brew", Brew, tmp_path / "params.yaml")
