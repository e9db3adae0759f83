"""Draws counts against ranks as SVG, on logarithmic axes."""
import math

WIDTH, HEIGHT, MARGIN = 420, 260, 46
COLOURS = ("#2166ac", "#b2182b", "#4d9221", "#762a83")
PANELS = {
    "Messages of all ranks": {"start and end": "start_messages", "a step": "step_messages",
                              "an evaluation": "evaluation_messages",
                              "a checkpoint": "checkpoint_messages"},
    "Messages of the busiest rank": {"start and end": "start_most_messages",
                                     "a step": "step_most_messages",
                                     "an evaluation": "evaluation_most_messages",
                                     "a checkpoint": "checkpoint_most_messages"},
    "Bytes of all ranks": {"start and end": "start_bytes", "a step": "step_bytes",
                           "an evaluation": "evaluation_bytes", "a checkpoint": "checkpoint_bytes"},
    "Threads and files": {"threads a rank": "threads_per_rank",
                          "open files a rank": "open_files_per_rank",
                          "files of the run": "files_of_run",
                          "files a checkpoint": "files_per_checkpoint"},
}


def text(x, y, content, **attributes):
    more = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{content}</text>'


def panel(title, series, rows):
    """One diagram, its corner at 0, 0. Counts below 1 are drawn at 1."""
    ranks = [row["ranks"] for row in rows]
    top = max(10.0, *(row[key] for key in series.values() for row in rows))
    decades = math.ceil(math.log10(top))

    def x(value):
        return MARGIN + (WIDTH - 2 * MARGIN) * math.log(value) / math.log(max(ranks[-1], 2))

    def y(value):
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * math.log10(max(value, 1)) / decades

    parts = [text(MARGIN, 18, title, font_weight="bold")]
    for decade in range(decades + 1):
        parts += [f'<path d="M{MARGIN} {y(10 ** decade):.1f}H{WIDTH - MARGIN}" stroke="#ddd"/>',
                  text(MARGIN - 6, y(10 ** decade) + 4, f"10<tspan dy='-4' font-size='8'>{decade}"
                       "</tspan>", text_anchor="end")]
    parts += [text(x(rank), HEIGHT - MARGIN + 16, rank, text_anchor="middle") for rank in ranks]
    for number, (name, key) in enumerate(series.items()):
        colour = COLOURS[number]
        points = " ".join(f"{x(row['ranks']):.1f},{y(row[key]):.1f}" for row in rows)
        parts += [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
                  text(MARGIN + 8, MARGIN - 10 + 13 * number, name, fill=colour)]
    return "\n".join(parts)


def panels(rows):
    drawn = []
    for number, (title, series) in enumerate(PANELS.items()):
        left, top = WIDTH * (number % 2), HEIGHT * (number // 2)
        drawn.append(f'<g transform="translate({left},{top})">\n{panel(title, series, rows)}\n</g>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{2 * HEIGHT}" '
            'font-family="sans-serif" font-size="11">\n'
            '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(drawn) + "\n</svg>\n")
