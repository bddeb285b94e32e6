"""Writes the pickles of NumPy arrays in this folder, with NumPy 2.

protocol2.pkl ... protocol5.pkl   one set of arrays as detectron2's model zoo has them: every type, order, scalars, empty arrays.
                                  protocol2.pkl names numpy.core as NumPy 1 did, the others numpy._core
ordered.pkl                       an OrderedDict of arrays without a dict around it
python2.pkl                       a few bytes as Python 2 wrote them: Detectron's {"blobs": ...}
pkl.json                          dtype, shape and values of the arrays in protocol*.pkl, as strings
"""
import collections, json, pickle
from pathlib import Path
import numpy as np

here = Path(__file__).parent
rng = np.random.default_rng(1)
base = rng.standard_normal((2, 3, 4)).astype("f4")
arrays = {
    "f32": base,
    "fortran": np.asfortranarray(base),
    "transposed": base.transpose(1, 0, 2),
    "slice": base[:, 1:, ::2],
    "f64": rng.standard_normal((2, 2)),
    "f16": np.array([0.0, -0.0, 1.5, 65504.0, 5.9604645e-08, np.inf], "f2"),
    "i64": np.array([-(2**40), 0, 7]),
    "i32": np.array([[-5], [2**30]], "i4"),
    "i16": np.array([-300, 300], "i2"),
    "i8": np.array([-128, 127], "i1"),
    "u8": np.array([0, 200, 255], "u1"),
    "bool": np.array([True, False, True]),
    "zero_dimensions": np.array(2.5, "f4"),
    "num_batches_tracked": np.int64(12345),
    "scalar_f32": np.float32(-0.1),
    "empty": np.zeros((0, 4), "f4"),
    "empty_fortran": np.zeros((3, 0, 2), "f8", order="F"),
}
arrays["shared"] = arrays["f32"]  # the same object: the pickle refers to it


def strings(a):
    return [str(v) for v in np.asarray(a).ravel(order="C").tolist()]


(here / "pkl.json").write_text(json.dumps({k: {"dtype": a.dtype.str, "shape": list(a.shape), "values": strings(a)} for k, a in arrays.items()}, indent=0))
zoo = {"model": arrays, "__author__": "Some One", "matching_heuristics": True}
for protocol in (2, 3, 4, 5):
    b = pickle.dumps(zoo, protocol)
    if protocol == 2:
        b = b.replace(b"numpy._core", b"numpy.core")
    (here / f"protocol{protocol}.pkl").write_bytes(b)
(here / "ordered.pkl").write_bytes(pickle.dumps(collections.OrderedDict(a=np.ones(3, "f4"), b=np.zeros((1, 2), "i8"), epoch=7), 4))


def text2(b):
    """A str of Python 2, which protocol 2 writes as bytes."""
    return b"U" + bytes([len(b)]) + b


dtype = b"cnumpy\ndtype\n(" + text2(b"f4") + b"K\x00K\x01tR(K\x03" + text2(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text2(b"b") + b"tR(K\x01(K\x03t" + dtype + b"I00\n"
python2 = b"\x80\x02}" + text2(b"blobs") + b"}" + text2(b"conv1_w") + array + text2(np.array([1.5, -2, 200], "<f4").tobytes()) + b"tbss."
read = pickle.loads(python2, encoding="latin1")
assert read["blobs"]["conv1_w"].tolist() == [1.5, -2, 200], read
(here / "python2.pkl").write_bytes(python2)
