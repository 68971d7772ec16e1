"""From faces and labels to rows: synthetic faces, dataset builders, data checks. Knows nothing of training or scoring."""
