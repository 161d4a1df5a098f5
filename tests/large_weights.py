"""Weights of a large detector, drawn by chance: a D-FINE of 40,000 numbers, in the files that transformers reads."""

from __future__ import annotations

from pathlib import Path


def write(weights_dir: Path) -> Path:
    """Write the folder `dfine-small-coco`."""
    from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config  # noqa: PLC0415 - an extra
    from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()
    backbone = HGNetV2Config(
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 16, 16],
        stage_mid_channels=[4, 4, 8, 8],
        stage_out_channels=[8, 16, 16, 32],
        stage_num_blocks=[1] * 4,
        stage_numb_of_layers=[1] * 4,
        hidden_sizes=[8, 16, 16, 32],
        out_indices=[2, 3, 4],
    )
    config = DFineConfig(
        backbone_config=backbone,
        encoder_in_channels=[16, 16, 32],
        encoder_hidden_dim=16,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        decoder_in_channels=[16] * 3,
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_attention_heads=2,
        decoder_n_points=[2, 2, 2],
        num_queries=20,
        num_denoising=10,
        depth_mult=0.34,
        hidden_expansion=0.5,
        lqe_hidden_dim=8,
        num_labels=80,
    )
    folder = weights_dir / "dfine-small-coco"
    DFineForObjectDetection(config).save_pretrained(folder)
    return folder
