"""Looks: a theme of system fonts, so that the page asks no other host for anything, the CSS and the script."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

_HERE = Path(__file__).parent
CSS = (_HERE / "style.css").read_text(encoding="utf-8")
# Out of Gradio's reach, which rewrites selectors. 4K screens that their system does not scale are read from as far away
# as any other: there everything is larger, Gradio's own sizes (gradio.themes.sizes) too. The ring shows where the
# keyboard is. A phone shows one of the footer's links, and no dot after it.
_FRAME = """<style>
@media (min-width: 2200px) { :root { --dh-scale: 1.35; } }
@media (min-width: 3000px) { :root { --dh-scale: 1.8; } }
@media (min-width: 2200px) {
  html { font-size: calc(16px * var(--dh-scale)); }
  :root { --dh-wide: calc(1180px * var(--dh-scale));
    --text-xxs: calc(9px * var(--dh-scale)) !important; --text-xs: calc(10px * var(--dh-scale)) !important;
    --text-sm: calc(12px * var(--dh-scale)) !important; --text-md: calc(14px * var(--dh-scale)) !important;
    --text-lg: calc(16px * var(--dh-scale)) !important; --text-xl: calc(22px * var(--dh-scale)) !important;
    --spacing-sm: calc(4px * var(--dh-scale)) !important; --spacing-md: calc(6px * var(--dh-scale)) !important;
    --spacing-lg: calc(8px * var(--dh-scale)) !important; --spacing-xl: calc(10px * var(--dh-scale)) !important;
    --size-8: calc(32px * var(--dh-scale)) !important; }
}
.gradio-container :is(button, a, summary, input, textarea, [tabindex]):focus-visible {
  outline: 3px solid var(--fig-line0) !important; outline-offset: 2px; }
@media (max-width: 640px) { footer .divider { display: none !important; } }
</style>"""
HEAD = f"{_FRAME}<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>"

_INK = gr.themes.Color("#f6f7f9", "#eceef2", "#dfe3ea", "#c6ccd7", "#98a1b2", "#6d7789", "#525c6e", "#3a4352",
                       "#262d3a", "#181d27", "#10141c", name="ink")  # fmt: skip
_BLUE = gr.themes.Color("#eff4fb", "#dde8f6", "#bfd3ee", "#96b7e2", "#6692d1", "#4474bd", "#325d9f", "#294c82",
                        "#223f6a", "#1c3355", "#142440", name="blue_ink")  # fmt: skip


def theme() -> gr.themes.Base:
    """Quiet paper and ink with one blue; light and dark."""
    return gr.themes.Base(
        primary_hue=_BLUE,
        secondary_hue=_BLUE,
        neutral_hue=_INK,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"],
        font_mono=["ui-monospace", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"],
    ).set(
        body_background_fill="#fbfbfc",
        body_background_fill_dark="#10141c",
        body_text_color="#1f2430",
        body_text_color_dark="#eceef3",
        body_text_color_subdued="#596070",
        body_text_color_subdued_dark="#a7afbe",
        block_background_fill="#ffffff",
        block_background_fill_dark="#161b26",
        block_border_color="#d9dde5",
        block_border_color_dark="#3a4150",
        block_label_text_color="#596070",
        block_label_text_color_dark="#a7afbe",
        block_title_text_color="#1f2430",
        block_title_text_color_dark="#eceef3",
        block_shadow="none",
        border_color_primary="#d9dde5",
        border_color_primary_dark="#3a4150",
        button_primary_background_fill="#325d9f",
        button_primary_background_fill_hover="#294c82",
        button_primary_background_fill_dark="#96b7e2",
        button_primary_background_fill_hover_dark="#bfd3ee",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#10141c",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#eceef2",
        button_secondary_background_fill_dark="#1d2330",
        button_secondary_background_fill_hover_dark="#262d3a",
        button_border_width="1px",
        button_border_width_dark="1px",
        button_primary_border_color="#325d9f",
        button_primary_border_color_dark="#96b7e2",
        button_secondary_text_color="#1f2430",
        button_secondary_text_color_dark="#eceef3",
        button_secondary_border_color="#7a8496",
        button_secondary_border_color_dark="#6d7789",
        button_cancel_background_fill="#b03a0a",
        button_cancel_background_fill_hover="#8f2f08",
        button_cancel_background_fill_dark="#fb923c",
        button_cancel_background_fill_hover_dark="#fdba74",
        button_cancel_text_color="#ffffff",
        button_cancel_text_color_dark="#10141c",
        button_cancel_text_color_hover="#ffffff",
        button_cancel_text_color_hover_dark="#10141c",
        button_cancel_border_color="#b03a0a",
        button_cancel_border_color_dark="#fb923c",
        input_border_width="1px",
        input_border_width_dark="1px",
        input_border_color="#7a8496",
        input_border_color_dark="#6d7789",
        checkbox_border_color="#7a8496",
        checkbox_border_color_dark="#6d7789",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1d2330",
        link_text_color="#294c82",
        link_text_color_dark="#96b7e2",
        link_text_color_hover="#142440",
        link_text_color_hover_dark="#dde8f6",
    )
