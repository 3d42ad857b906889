"""What galcat's own columns hold: unit, UCD and description, written into every FITS and VOTable."""

from __future__ import annotations

from collections.abc import Iterable

from galcat_core.formats import Note

COLUMNS = {
    "id": Note("object id of the survey", ucd="meta.id;meta.main"),
    "survey": Note("survey that the object and its picture are from", ucd="meta.id.parent"),
    "ra_deg": Note("right ascension (J2000)", "deg", "pos.eq.ra;meta.main"),
    "dec_deg": Note("declination (J2000)", "deg", "pos.eq.dec;meta.main"),
    "size_arcsec": Note("radius that scales the picture", "arcsec", "phys.angSize"),
    "width_arcsec": Note("width of the picture", "arcsec", "phys.angSize"),
    "label": Note("class by the larger debiased vote", ucd="src.morph.type"),
    "certain": Note("the label's vote passes its threshold", ucd="meta.code.qual"),
    "left_id": Note("object id in the left catalogue", ucd="meta.id;meta.main"),
    "right_id": Note("object id of its nearest object in the right catalogue", ucd="meta.id"),
    "separation_arcsec": Note("angle between the two", "arcsec", "pos.angDistance"),
    "ambiguous": Note(
        "another right object within the radius, or the right one shared", ucd="meta.code.qual"
    ),
    "left_survey": Note("survey of the left object", ucd="meta.id.parent"),
    "right_survey": Note("survey of the right object", ucd="meta.id.parent"),
    "bad_match": Note("reviewed: the two are not one galaxy", ucd="meta.code.qual"),
    "bad_left_image": Note("reviewed: the left picture is of no use", ucd="meta.code.qual"),
    "bad_right_image": Note("reviewed: the right picture is of no use", ucd="meta.code.qual"),
    "note": Note("what the reviewer wrote", ucd="meta.note"),
    "reviewed_at": Note("when it was reviewed (UTC)", ucd="time"),
    "set": Note("train, validation, test or unlabelled", ucd="meta.code.class"),
    "group": Note("rows with one number are one galaxy", ucd="meta.id.assoc"),
    "has_twin": Note("the galaxy is paired with one of the other survey", ucd="meta.code"),
    "predicted": Note("class predicted by the run", ucd="src.morph.type"),
    "epistemic": Note(
        "disagreement of the networks: mutual information, nats",
        ucd="stat.error",
    ),
    "aleatoric": Note("mean entropy of what each network says, nats", ucd="stat.error"),
    "domain_distance": Note(
        "percentage of known galaxies nearer to the training galaxies", ucd="stat.rank"
    ),
    "out_of_domain": Note("unlike the galaxies that the network knows", ucd="meta.code.qual"),
    "flags": Note(
        "picture quality, summed: 1 edge, 2 masked, 4 band missing, 8 blank", ucd="meta.code.qual"
    ),
    "run": Note("run that made the probabilities", ucd="meta.id;meta.software"),
    "cluster": Note("cluster of the embedding, found without labels", ucd="meta.code.class"),
    "tsne_x": Note("t-SNE map, abscissa", ucd="stat.value"),
    "tsne_y": Note("t-SNE map, ordinate", ucd="stat.value"),
    "umap_x": Note("UMAP map, abscissa", ucd="stat.value"),
    "umap_y": Note("UMAP map, ordinate", ucd="stat.value"),
}


def notes_of(columns: Iterable[str]) -> dict[str, Note]:
    """Return the notes of those columns that are galcat's own; `p_CLASS` by its class."""
    found = {}
    for name in map(str, columns):
        if name in COLUMNS:
            found[name] = COLUMNS[name]
        elif name.startswith("raw_p_"):
            told = f"probability of class {name[6:]} before calibration"
            found[name] = Note(told, ucd="stat.probability")
        elif name.startswith("p_"):
            found[name] = Note(f"probability of class {name[2:]}", ucd="stat.probability")
    return found
