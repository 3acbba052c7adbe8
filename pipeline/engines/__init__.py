"""Prompts -> completions: vLLM on GPUs, any OpenAI-compatible server, or llama.cpp in the process."""
