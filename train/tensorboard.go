package train

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// EventsFile has the rows of the logs for TensorBoard, which finds it by "tfevents".
const EventsFile = "events.out.tfevents"

// events appends scalars to a TensorBoard event file: TFRecords of Event messages
// (tensorflow/core/util/event.proto).
type events struct {
	*os.File
	now func() float64 // seconds since 1970
}

func unixSeconds() float64 { return float64(time.Now().UnixMicro()) / 1e6 }

// openEvents opens the file in a folder. Events after the given step, which a resumed run
// repeats, are hidden by the start of a session.
func openEvents(dir string, step int, now func() float64) (*events, error) {
	path := filepath.Join(dir, EventsFile)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if whole := wholeRecords(old); whole < len(old) { // the run was killed while it wrote
		if err := os.Truncate(path, int64(whole)); err != nil {
			return nil, err
		}
		old = old[:whole]
	}
	f, err := appendTo(path)
	if err != nil {
		return nil, err
	}
	e := &events{f, now}
	if len(old) == 0 {
		err = e.add(0, func(b []byte) []byte {
			return protowire.AppendString(protowire.AppendTag(b, 3, protowire.BytesType), "brain.Event:2")
		})
	} else {
		const start = 1
		err = e.add(step, func(b []byte) []byte {
			status := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), start)
			return protowire.AppendBytes(protowire.AppendTag(b, 7, protowire.BytesType), status)
		})
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return e, nil
}

// scalars appends values of a step.
func (e *events) scalars(step int, values []Metric) error {
	return e.add(step, func(b []byte) []byte {
		var summary []byte
		for _, v := range values {
			value := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), v.Name)
			value = protowire.AppendFixed32(protowire.AppendTag(value, 2, protowire.Fixed32Type), math.Float32bits(float32(v.Value)))
			summary = protowire.AppendBytes(protowire.AppendTag(summary, 1, protowire.BytesType), value)
		}
		return protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), summary)
	})
}

// add appends an event with the content that fill adds.
func (e *events) add(step int, fill func([]byte) []byte) error {
	b := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(e.now()))
	if step > 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(step))
	}
	_, err := e.Write(record(fill(b)))
	return err
}

// The parts of a TFRecord around its data: length and checksum before, checksum behind.
const (
	recordHead = 8 + 4
	recordTail = 4
)

// record returns the TFRecord of data.
func record(data []byte) []byte {
	r := binary.LittleEndian.AppendUint64(make([]byte, 0, recordHead+len(data)+recordTail), uint64(len(data)))
	r = binary.LittleEndian.AppendUint32(r, maskedCRC(r))
	r = append(r, data...)
	return binary.LittleEndian.AppendUint32(r, maskedCRC(data))
}

// maskedCRC is the checksum of TFRecords.
func maskedCRC(data []byte) uint32 {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (sum>>15 | sum<<17) + 0xa282ead8
}

// wholeRecords returns the length of the complete, undamaged records at the beginning of a file.
func wholeRecords(file []byte) (n int) {
	for {
		rest := file[n:]
		if len(rest) < recordHead || binary.LittleEndian.Uint32(rest[8:]) != maskedCRC(rest[:8]) {
			return n
		}
		length := binary.LittleEndian.Uint64(rest)
		if length > uint64(len(rest)-recordHead) || len(rest)-recordHead-int(length) < recordTail {
			return n
		}
		end := recordHead + int(length)
		if binary.LittleEndian.Uint32(rest[end:]) != maskedCRC(rest[recordHead:end]) {
			return n
		}
		n += end + recordTail
	}
}
