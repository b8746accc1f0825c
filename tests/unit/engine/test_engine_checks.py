"""What the local engine makes passes the checks with their defaults, and what is meant to fail does."""

from __future__ import annotations

from darkroom_shared.contract.checks import Blank, ChangeOutsideMask, MissingAlpha, NearDuplicate, NearUniform
from darkroom_worker.checks import check_picture
from tests.unit.engine.conftest import Studio

BOX = (140, 60, 280, 200)


def test_an_inpainted_picture_is_as_before_outside_of_its_mask_only(studio: Studio, coffee: bytes) -> None:
    mask = studio.rectangle((384, 256), BOX)
    [made] = studio.draw("INPAINTING", {"text": "a red apple"}, {"image": coffee, "maskImage": mask}, seed=1).images
    references = {"original": coffee, "mask": mask}
    specs = [Blank(), NearUniform(), ChangeOutsideMask(kept="white")]
    assert check_picture(specs, made, references=references, siblings=[coffee]) == []
    [text] = check_picture([ChangeOutsideMask(kept="black")], made, references=references, siblings=())
    assert text.startswith("The picture changed outside of the edited part")


def test_an_outpainted_picture_keeps_the_black_part_of_its_mask(studio: Studio, cat: bytes) -> None:
    mask = studio.rectangle((384, 256), BOX)
    [made] = studio.draw("OUTPAINTING", {"text": "a beach"}, {"image": cat, "maskImage": mask}, seed=1).images
    assert check_picture([ChangeOutsideMask(kept="black")], made, references={"original": cat, "mask": mask}, siblings=()) == []


def test_a_removed_background_is_transparent(studio: Studio, cat: bytes) -> None:
    specs = [Blank(), NearUniform(), MissingAlpha()]
    assert check_picture(specs, studio.native("REMOVE_BACKGROUND", {"image": cat}), references={}, siblings=()) == []
    assert len(check_picture(specs, cat, references={}, siblings=())) == 1


def test_pictures_of_other_seeds_are_no_duplicates(studio: Studio) -> None:
    text = "a small red ball on a plain white background"
    made = [studio.draw("TEXT_IMAGE", {"text": text}, seed=seed, width=512, height=512).images[0] for seed in (1, 2, 1)]
    specs = [NearUniform(), NearDuplicate()]
    assert check_picture(specs, made[0], references={}, siblings=made[1:2]) == []
    [text] = check_picture(specs, made[0], references={}, siblings=made[1:])
    assert "number 2 of its 2 siblings" in text
