"""Writes events.tfevents with TensorBoard's own record writer: the bytes that package train must write. pip install tensorboard"""
import io, struct, sys
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

class File(io.BytesIO):
    def close(self): pass

def scalars(time, step, **values):
    return Event(wall_time=time, step=step, summary=Summary(value=[Summary.Value(tag=t.replace('__', '/'), simple_value=v) for t, v in values.items()]))

out = File()
w = RecordWriter(out)
for e in [Event(wall_time=1.5, file_version='brain.Event:2'), scalars(2.25, 20, train__loss=1.25, train__lr=0.01), scalars(3, 300, eval__AP=0.5, eval__none=-1),
          Event(wall_time=4, step=300, session_log=SessionLog(status=SessionLog.START)), scalars(5, 320, train__loss=float('nan'))]:
    w.write(e.SerializeToString())
open(sys.argv[1] if len(sys.argv) > 1 else 'events.tfevents', 'wb').write(out.getvalue())
