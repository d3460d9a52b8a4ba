"""Runs an exported model where there is only TensorFlow and tensorflow-text: bare_client.py SAVED_MODEL INPUTS OUTPUTS.

INPUTS and OUTPUTS are pickles: by signature, names and arrays. Each is asked of `tf.saved_model.load` and, for
OUTPUTS["session"], of the loader of sessions, which TensorFlow Serving uses.
"""

import importlib.util
import pickle
import sys

import tensorflow as tf
import tensorflow_text  # noqa: F401


def by_function(folder, inputs):
    signatures = tf.saved_model.load(folder).signatures
    asked = {name: {key: tf.constant(value) for key, value in given.items()} for name, given in inputs.items()}
    found = {name: signatures[name](**given) for name, given in asked.items()}
    return {name: {key: value.numpy() for key, value in outputs.items()} for name, outputs in found.items()}


def by_session(folder, inputs):
    found = {}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], folder).signature_def
        for name, given in inputs.items():
            feed = {signatures[name].inputs[key].name: value for key, value in given.items()}
            found[name] = session.run({key: one.name for key, one in signatures[name].outputs.items()}, feed)
    return found


if __name__ == "__main__":
    others = ("t2t_multimodel", "sentencepiece", "PIL", "soundfile", "tensorflow_datasets")
    assert not [name for name in others if importlib.util.find_spec(name)]
    source, questions, destination = sys.argv[1:]
    with open(questions, "rb") as file:
        asked = pickle.load(file)
    answers = {"function": by_function(source, asked), "session": by_session(source, asked)}
    with open(destination, "wb") as file:
        pickle.dump(answers, file)
