"""The Denoise widget, live preview, and the ways to compare before and after."""
