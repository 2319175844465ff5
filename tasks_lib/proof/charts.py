"""Declare the charts of the page of proofs with Altair, in the environment that charts.txt pins.

`charts.py FILE` reads the rows of each chart from a JSON file and prints one document: the script
that draws in a browser, what it is, and each chart as Vega-Lite. Colours are the page's own
variables, so a chart follows its scheme.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import altair as alt
import vl_convert

_WIDTH, _ROW = 600, 22
_TONES = [f"var(--tone{number})" for number in range(1, 7)]
_LABELS = {
    "labelColor": "var(--ink)",
    "titleColor": "var(--ink)",
    "labelLimit": 320,
    "labelFontSize": 12,
    "titleFontSize": 12,
}


def bars(title: str) -> alt.Chart:
    """Return one bar for each cell, made of its parts in their order."""
    tones, legend = alt.Scale(range=_TONES), alt.Legend(columns=3)
    return (
        alt.Chart()
        .transform_window(order="row_number()")
        .mark_bar(stroke="var(--card)", strokeWidth=1)
        .encode(
            y=alt.Y("cell:N", sort=None, title=None),
            x=alt.X("value:Q", stack="zero", title=title),
            color=alt.Color("part:N", sort=None, scale=tones, legend=legend, title=None),
            order="order:Q",
            tooltip=["cell:N", "part:N", alt.Tooltip("value:Q", format=".2f", title=title)],
        )
    )


def timeline() -> alt.Chart:
    """Return a bar from beginning to end for each step, and for each part below its step."""
    tones = alt.Scale(domain=["step", "part"], range=_TONES)
    times = [alt.Tooltip(f"{name}:Q", format=".2f") for name in ("began", "ended")]
    return (
        alt.Chart()
        .mark_bar(cornerRadius=2, minBandSize=8)
        .encode(
            y=alt.Y("step:N", sort=None, title=None),
            x=alt.X("began:Q", title="seconds since the session began"),
            x2="ended:Q",
            color=alt.Color("kind:N", scale=tones, title=None),
            tooltip=["step:N", "command:N", *times],
        )
    )


def specification(asked: dict[str, object]) -> dict[str, object]:
    """Return one chart as Vega-Lite, in the colours of the page."""
    chart = bars(str(asked["title"])) if asked["title"] else timeline()
    data, description = alt.Data(values=asked["rows"]), asked["description"]
    axis = {"gridColor": "var(--line)", "domainColor": "var(--dim)", "tickColor": "var(--dim)"}
    found: dict[str, object] = (
        chart.properties(data=data, description=description, width=_WIDTH, height=alt.Step(_ROW))
        .configure(background="transparent", font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(**_LABELS, **axis)
        .configure_legend(**_LABELS, orient="top")
        .to_dict()
    )
    return found


def main(file: str) -> None:
    """Print the document for the charts that a file describes."""
    wanted = json.loads(Path(file).read_text(encoding="utf-8"))
    lite = alt.SCHEMA_VERSION.lstrip("v")
    script = vl_convert.javascript_bundle(vl_version=lite.rpartition(".")[0])
    script = script.replace("</script", "<\\/script")
    vega = vl_convert.get_vega_version()
    document = {
        # of its many names at the top only those that it hands to the window are wanted
        "script": "(() => {" + script + "})();",
        "drawn_by": f"Vega {vega} and Vega-Lite {lite}, BSD 3-Clause licence",
        "charts": {name: specification(asked) for name, asked in wanted.items()},
    }
    json.dump(document, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
