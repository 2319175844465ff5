"""Declare the charts of the page of proofs with Altair, in the environment that charts.txt pins.

`charts.py FILE` reads the rows of each chart from a JSON file and prints one document: the script that draws in a
browser, what it is, and each chart as Vega-Lite. Colours are the page's own variables, so a chart follows its scheme.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import altair as alt
import vl_convert

_WIDTH, _ROW = 600, 22
_INK = "var(--ink)"
_TONES = [f"var(--tone{number})" for number in range(1, 7)]
_LABELS = {
    "labelColor": _INK,
    "titleColor": _INK,
    "labelLimit": 320,
    "labelFontSize": 12,
    "titleFontSize": 12,
}


def bars(value: str, part: str, parts: list[str]) -> alt.Chart:
    """Give one bar for each cell, made of its parts in their order."""
    return (
        alt.Chart()
        .transform_window(order="row_number()")
        .mark_bar(stroke="var(--card)", strokeWidth=1)
        .encode(
            y=alt.Y("cell:N", sort=None, title=None),
            x=alt.X(f"{value}:Q", stack="zero"),
            color=alt.Color(
                f"{part}:N",
                sort=parts,
                scale=alt.Scale(domain=parts, range=_TONES),
                legend=alt.Legend(columns=3),
            ),
            order="order:Q",
            tooltip=["cell:N", f"{part}:N", alt.Tooltip(f"{value}:Q", format=".2f")],
        )
    )


def timeline() -> alt.Chart:
    """Give a bar from its beginning to its end for each step, and for each part below its step."""
    return (
        alt.Chart()
        .mark_bar(cornerRadius=2, minBandSize=8)
        .encode(
            y=alt.Y("step:N", sort=None, title=None),
            x=alt.X("began:Q", title="seconds since the session began"),
            x2="ended:Q",
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=["step", "part"], range=_TONES), title=None
            ),
            tooltip=[
                "step:N",
                "command:N",
                alt.Tooltip("began:Q", format=".2f"),
                alt.Tooltip("ended:Q", format=".2f"),
            ],
        )
    )


def main(file: str) -> None:
    """Print the document for the charts that a file asks for."""
    specs = {}
    for name, asked in json.loads(Path(file).read_text(encoding="utf-8")).items():
        rows, description = asked.pop("rows"), asked.pop("description")
        themed = (
            (bars(**asked) if asked else timeline())
            .properties(
                data=alt.Data(values=rows),
                description=description,
                width=_WIDTH,
                height=alt.Step(_ROW),
            )
            .configure(background="transparent", font="sans-serif")
            .configure_view(stroke=None)
            .configure_axis(
                **_LABELS, gridColor="var(--line)", domainColor="var(--dim)", tickColor="var(--dim)"
            )
            .configure_legend(**_LABELS, orient="top")
        )
        specs[name] = themed.to_dict()
    lite = alt.SCHEMA_VERSION.lstrip("v")
    # of its many names at the top only those that it hands to the window are wanted
    script = vl_convert.javascript_bundle(vl_version=lite.rpartition(".")[0]).replace(
        "</script", "<\\/script"
    )
    drawn_by = f"Vega {vl_convert.get_vega_version()} and Vega-Lite {lite}, BSD 3-Clause licence"
    json.dump(
        {"script": "(() => {" + script + "})();", "drawn_by": drawn_by, "charts": specs}, sys.stdout
    )


if __name__ == "__main__":
    main(sys.argv[1])
