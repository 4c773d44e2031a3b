"""The Gradio page: a thin entry over ``deepfake_hf``'s public names."""
