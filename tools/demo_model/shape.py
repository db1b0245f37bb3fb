"""The sizes of the demo model, and the configuration files that tell them to a runtime.

One place for every number: the tokenizer, the training model and the export all read them here.
"""

TILE = 128  # pixels; four tiles make a canvas of at most 256 x 256, 128 x 512 or 512 x 128
PATCH = 16
MAX_TILES = 4
GRID = TILE // PATCH  # patches along one side of a tile
TILE_TOKENS = GRID * GRID + 1  # the class token comes first
PADDED_TOKENS = -(-TILE_TOKENS // 8) * 8
IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)

# (height, width) in tiles; the aspect ratio id is the index plus one.
ARRANGEMENTS = [(h, w) for h in range(1, MAX_TILES + 1) for w in range(1, MAX_TILES + 1) if h * w <= MAX_TILES]

BASE_VOCABULARY = 768
VOCABULARY = BASE_VOCABULARY + 256  # the special tokens follow the base vocabulary, as in Llama 3
IMAGE_TOKEN = VOCABULARY  # outside lm_head: the model reads it and can never say it
EMBEDDING_ROWS = VOCABULARY + 8
BOS, END_OF_TEXT, PAD = BASE_VOCABULARY, BASE_VOCABULARY + 1, BASE_VOCABULARY + 4
START_HEADER, END_HEADER = BASE_VOCABULARY + 6, BASE_VOCABULARY + 7
END_OF_MESSAGE, END_OF_TURN = BASE_VOCABULARY + 8, BASE_VOCABULARY + 9

VISION = dict(hidden=256, heads=4, intermediate=768, local_layers=6, global_layers=2, kept_states=(1, 3, 5))
TEXT = dict(
    hidden=256, heads=4, kv_heads=2, intermediate=448, layers=9, cross_layers=(1, 3, 5, 7),
    rope_theta=10000.0, max_positions=8192, norm_eps=1e-5,
)  # fmt: skip
NORM_EPS = 1e-5
FEATURES = VISION["hidden"] * (1 + len(VISION["kept_states"]))


def config() -> dict:
    """config.json in the field names of the published checkpoints."""
    return {
        "architectures": ["MllamaForConditionalGeneration"],
        "image_token_index": IMAGE_TOKEN,
        "model_type": "mllama",
        "text_config": {
            "bos_token_id": BOS,
            "cross_attention_layers": list(TEXT["cross_layers"]),
            "dropout": 0,
            "eos_token_id": [END_OF_TEXT, END_OF_MESSAGE, END_OF_TURN],
            "hidden_act": "silu",
            "hidden_size": TEXT["hidden"],
            "initializer_range": 0.02,
            "intermediate_size": TEXT["intermediate"],
            "max_position_embeddings": TEXT["max_positions"],
            "model_type": "mllama_text_model",
            "num_attention_heads": TEXT["heads"],
            "num_hidden_layers": TEXT["layers"],
            "num_key_value_heads": TEXT["kv_heads"],
            "pad_token_id": PAD,
            "rms_norm_eps": TEXT["norm_eps"],
            # The rotary angles of positions this short are not rescaled by the llama3 rule; factor 1 says so.
            "rope_scaling": {
                "factor": 1.0,
                "high_freq_factor": 4.0,
                "low_freq_factor": 1.0,
                "original_max_position_embeddings": TEXT["max_positions"] // 2,
                "rope_type": "llama3",
            },
            "rope_theta": TEXT["rope_theta"],
            "tie_word_embeddings": False,
            "torch_dtype": "bfloat16",
            "use_cache": True,
            "vocab_size": VOCABULARY,
        },
        "torch_dtype": "bfloat16",
        "vision_config": {
            "attention_heads": VISION["heads"],
            "hidden_act": "gelu",
            "hidden_size": VISION["hidden"],
            "image_size": TILE,
            "initializer_range": 0.02,
            "intermediate_layers_indices": list(VISION["kept_states"]),
            "intermediate_size": VISION["intermediate"],
            "max_num_tiles": MAX_TILES,
            "model_type": "mllama_vision_model",
            "norm_eps": NORM_EPS,
            "num_channels": 3,
            "num_global_layers": VISION["global_layers"],
            "num_hidden_layers": VISION["local_layers"],
            "patch_size": PATCH,
            "supported_aspect_ratios": [list(a) for a in ARRANGEMENTS],
            "torch_dtype": "bfloat16",
            "vision_output_dim": FEATURES,
        },
    }


def preprocessor() -> dict:
    """preprocessor_config.json."""
    return {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": list(IMAGE_MEAN),
        "image_processor_type": "MllamaImageProcessor",
        "image_std": list(IMAGE_STD),
        "max_image_tiles": MAX_TILES,
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": TILE, "width": TILE},
    }


def generation() -> dict:
    """generation_config.json: greedy, because a question about a picture has one right answer."""
    return {
        "bos_token_id": BOS,
        "do_sample": False,
        "eos_token_id": [END_OF_TEXT, END_OF_MESSAGE, END_OF_TURN],
        "pad_token_id": PAD,
    }
