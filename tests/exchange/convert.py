"""Run by the Python that has datumaro: reads a dataset, tells what it understood, and writes it again."""

import json
import sys

import datumaro

format_, source, target = sys.argv[1:]
dataset = datumaro.Dataset.import_from(source, format_)
classes = [label.name for label in dataset.categories()[datumaro.AnnotationType.label].items]
understood = [[item.id, item.subset, [classes[label.label] for label in item.annotations]] for item in dataset]
dataset.export(target, format_, save_media=True)
print(json.dumps({"classes": classes, "items": understood}, ensure_ascii=True))
