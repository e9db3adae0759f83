#!/usr/bin/env python3
"""A terminal's text as a picture.

    tmux capture-pane -p -e -S - | docs/images/terminal_svg.py --title 'scripts/demo.sh' > demo.svg

Understands bold, dim and the sixteen colours; other escape sequences are left out.
"""
import argparse
import html
import re
import sys

CHARACTER, LINE, MARGIN, TOP = 8.43, 19, 16, 44  # pixels, at 14 px
COLOURS = ["#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#c9d1d9"]
SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m|\x1b\[[0-9;?]*[A-Za-z]|\x1b[()].|[\x00-\x09\x0b-\x1a]")


def restyle(style, codes):
    """The style (bold, dim, colour) after the codes of an escape sequence."""
    bold, dim, colour = style
    for code in (int(each or 0) for each in codes.split(";")):
        if code == 0:
            bold, dim, colour = False, False, None
        elif code in (1, 2):
            bold, dim = bold or code == 1, dim or code == 2
        elif code == 22:
            bold = dim = False
        elif code == 39:
            colour = None
        elif 30 <= code <= 37 or 90 <= code <= 97:
            colour = COLOURS[code % 10]
    return bold, dim, colour


def spans(line, style):
    """([(column, text, style) of each part of the line], width, style after the line)."""
    pieces, column, place = [], 0, 0
    for match in [*SEQUENCE.finditer(line), None]:
        text = line[place:match.start() if match else len(line)]
        if text.strip():
            pieces.append((column, text, style))
        column += len(text)
        if match:
            place = match.end()
            if match.group(1) is not None:
                style = restyle(style, match.group(1))
    return pieces, column, style


def draw(text, title):
    style, rows, columns = (False, False, None), [], len(title) + 20
    lines = text.rstrip().split("\n")
    for number, line in enumerate(lines):
        pieces, width, style = spans(line.rstrip(), style)
        columns = max(columns, width)
        for column, piece, (bold, dim, colour) in pieces:
            attributes = ' font-weight="bold"' if bold else ""
            attributes += ' opacity="0.65"' if dim else ""
            attributes += f' fill="{colour}"' if colour else ""
            rows.append(f'<text x="{MARGIN + column * CHARACTER:.1f}" y="{TOP + number * LINE + 14}"'
                        f' textLength="{len(piece) * CHARACTER:.1f}"{attributes}>'
                        f"{html.escape(piece).replace(chr(32), chr(160))}</text>")
    width, height = columns * CHARACTER + 2 * MARGIN, TOP + len(lines) * LINE + MARGIN
    dots = "".join(f'<circle cx="{20 + 18 * i}" cy="20" r="6" fill="{colour}"/>'
                   for i, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}"'
        f' width="{width:.0f}" font-size="14" fill="#e6edf3" xml:space="preserve"'
        ' font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace">',
        '<rect width="100%" height="100%" rx="10" fill="#0d1117"/>', dots,
        f'<text x="50%" y="25" text-anchor="middle" opacity="0.65">{html.escape(title)}</text>',
        *rows, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--title", default="", help="title of the window")
    sys.stdout.write(draw(sys.stdin.read(), parser.parse_args().title))


if __name__ == "__main__":
    main()
