package detector

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"

	"scalenet/coco"
	"scalenet/internal/brief"
	"scalenet/internal/shard"
	"scalenet/tile"
	"scalenet/train"
)

// partial is a file with the detections of an evaluation in progress, in JSON: one line with fingerprints of model and dataset, then one line
// per image, in the dataset's order. Lines are only appended; the last line may be truncated. The methods of a nil partial do nothing.
type partial struct{ f *os.File }

// partialHead is the first line. That of an evaluation of all images has only the fingerprints of model and dataset.
type partialHead struct {
	Part  string `json:"part,omitempty"`
	Shard string `json:"shard,omitempty"`
	Total int    `json:"total,omitempty"`
	Model string `json:"model"`
	Data  string `json:"data"`
}

// newPartialHead returns the head of an evaluation, for a shard a [shard.Head].
func newPartialHead(model, data string, s shard.Shard, images int) partialHead {
	if s.Of == 0 {
		return partialHead{Model: model, Data: data}
	}
	return partialHead(shard.Head{Part: EvaluatedPart, Shard: s.String(), Total: images, Model: model, Data: data})
}

// partialLine is the line of one image: its detections as columns.
type partialLine struct {
	Image    int64        `json:"image_id"`
	Bytes    int64        `json:"bytes"` // of the image's file
	Category []int64      `json:"category_id"`
	Box      [][4]float64 `json:"bbox"`
	Score    []float64    `json:"score"`
}

// openPartial creates a file or, to resume, reads an existing one into results; done is the number of images in that file.
func (d *deviceModel) openPartial(data *coco.Dataset, o EvaluateOptions, results *coco.Results) (p *partial, done int, err error) {
	head := newPartialHead(d.fingerprint(o.Tiles), dataFingerprint(data), o.Shard, len(data.Images))
	first, end := o.Shard.Range(len(data.Images))
	if o.Resume {
		f, err := os.OpenFile(o.Partial, os.O_RDWR, 0)
		if err == nil {
			p := &partial{f}
			if err := LockPartial(f); err != nil {
				p.close()
				return nil, 0, err
			}
			if done, err = p.resume(head, data, first, end, results); err != nil {
				p.close()
				return nil, 0, fmt.Errorf("%s: %w", o.Partial, err)
			}
			return p, done, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, err
		}
	}
	f, err := os.OpenFile(o.Partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, 0, fmt.Errorf("%s: a stopped evaluation is there: resume it, or remove the file", o.Partial)
	}
	if err != nil {
		return nil, 0, err
	}
	p = &partial{f}
	if err = LockPartial(f); err == nil {
		err = p.write(head)
	}
	if err != nil {
		p.close()
		return nil, 0, err
	}
	return p, 0, nil
}

// LockPartial locks an open file of partial results until it is closed. The error names the file that an evaluation in another
// process writes to.
func LockPartial(f *os.File) error {
	err := train.LockFile(f)
	if errors.Is(err, train.ErrLocked) {
		return fmt.Errorf("%s: an evaluation in another process writes to this file: wait until it ends, or choose another --results", f.Name())
	}
	return err
}

// resume reads the file into results, cuts off a truncated last line, and leaves the file open at its end.
func (p *partial) resume(head partialHead, data *coco.Dataset, first, end int, results *coco.Results) (done int, err error) {
	r := bufio.NewReaderSize(p.f, 1<<20)
	var good int64 // bytes of complete lines
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // also after a line without its end
			if n == 1 && !head.begins(line) {
				return 0, errNoPartial
			}
			break
		}
		if err != nil {
			return 0, err
		}
		if n == 1 {
			if err := head.check(line, data); err != nil {
				return 0, err
			}
		} else if err := readPartialLine(line, data, first+done, end, results); err != nil {
			if _, peekErr := r.Peek(1); errors.Is(peekErr, io.EOF) && !errors.As(err, new(*mismatchError)) {
				break // truncated by a power cut
			}
			return 0, fmt.Errorf("line %d: %w", n, err)
		} else {
			done++
		}
		good += int64(len(line))
	}
	if err := p.f.Truncate(good); err != nil {
		return 0, err
	}
	if _, err := p.f.Seek(good, io.SeekStart); err != nil {
		return 0, err
	}
	if good == 0 {
		return 0, p.write(head)
	}
	return done, nil
}

// mismatchError means that a partial file belongs to another evaluation.
type mismatchError struct{ msg string }

func (e *mismatchError) Error() string { return e.msg }

// errNoPartial is returned for any other file, which is not changed.
var errNoPartial = errors.New("line 1: no partial results of an evaluation")

// begins reports whether line is a truncated first line of this file.
func (h partialHead) begins(line []byte) bool {
	complete, err := json.Marshal(h)
	return err == nil && bytes.HasPrefix(complete, line)
}

func (h partialHead) check(line []byte, data *coco.Dataset) error {
	var have partialHead
	if err := json.Unmarshal(line, &have); err != nil || have.Model == "" || have.Data == "" {
		return errNoPartial
	}
	switch {
	case have.Model != h.Model:
		return &mismatchError{"these partial results are of another model, or of this model with other settings"}
	case have.Shard != h.Shard:
		return &mismatchError{fmt.Sprintf("these partial results are of %s, not of %s", ofShard(have.Shard), ofShard(h.Shard))}
	case have.Data != h.Data:
		return &mismatchError{"these partial results are of other data than " + data.Path}
	}
	return nil
}

// ofShard names the images of a shard.
func ofShard(text string) string {
	if text == "" {
		return "all images"
	}
	return "part " + brief.Cut(text, 40)
}

// addTo adds the detections to results.
func (l *partialLine) addTo(results *coco.Results) {
	for k, score := range l.Score {
		results.Add(l.Image, l.Category[k], l.Box[k], score)
	}
}

// readPartialLine adds the detections of a line, which must be of image i, before end, to results.
func readPartialLine(line []byte, data *coco.Dataset, i, end int, results *coco.Results) error {
	have, err := parsePartialLine(line)
	if err != nil {
		return err
	}
	if i >= end || have.Image != data.Images[i].ID {
		return &mismatchError{fmt.Sprintf("image_id %d is out of order", have.Image)}
	}
	if size, err := imageBytes(data, i); err != nil {
		return &mismatchError{err.Error()}
	} else if size != have.Bytes {
		return &mismatchError{fmt.Sprintf("%s has %d bytes, it had %d: another image", data.ImagePath(i), size, have.Bytes)}
	}
	have.addTo(results)
	return nil
}

// add appends the line of image i, whose detections are those in results from index from on.
func (p *partial) add(data *coco.Dataset, i int, results *coco.Results, from int) error {
	if p == nil {
		return nil
	}
	size, err := imageBytes(data, i)
	if err != nil {
		return err
	}
	return p.write(partialLine{data.Images[i].ID, size, results.Category[from:], results.Box[from:], results.Score[from:]})
}

func imageBytes(data *coco.Dataset, i int) (int64, error) {
	info, err := os.Stat(data.ImagePath(i))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// write appends v as one line, in one call of Write.
func (p *partial) write(v any) error {
	line, err := json.Marshal(v) // writes each float64 with the fewest digits that read back as the same bits
	if err != nil {
		return fmt.Errorf("%s: %w", p.f.Name(), err)
	}
	_, err = p.f.Write(append(line, '\n'))
	return err
}

func (p *partial) close() {
	if p != nil {
		p.f.Close() // nothing is buffered, so an error loses nothing
	}
}

// fingerprint is a hash of everything except the image that detections depend on: configuration, classes, parameters, kind of device, dtype,
// tiles.
func (d *deviceModel) fingerprint(tiles tile.Options) string {
	h := sha256.New()
	if tiles.Side > 0 {
		fmt.Fprintf(h, "%+v\n", tiles)
	}
	fmt.Fprintf(h, "%s\n%q\n%T %v\n", d.model.Config.YAML(), d.model.Classes, d.device(), d.options.Features)
	if q := d.options.Quantization; q != nil {
		fmt.Fprintln(h, q.Text())
	}
	for _, p := range d.model.Params.All() {
		fmt.Fprintf(h, "%q %v\n", p.Name, p.Shape)
		for _, part := range p.Parts {
			h.Write(part.Bytes)
			hashFloats(h, part.Scales)
		}
		hashFloats(h, p.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashFloats(h hash.Hash, values []float32) {
	var buf bytes.Buffer
	for len(values) > 0 {
		n := min(len(values), 4096)
		buf.Reset()
		for _, v := range values[:n] {
			buf.Write(binary.LittleEndian.AppendUint32(buf.AvailableBuffer(), math.Float32bits(v)))
		}
		h.Write(buf.Bytes())
		values = values[n:]
	}
}

// dataFingerprint is a hash of the images and classes of a dataset. Boxes are not included, because detections do not depend on them. File
// lengths are in the images' lines instead.
func dataFingerprint(data *coco.Dataset) string {
	h := sha256.New()
	for _, img := range data.Images {
		fmt.Fprintf(h, "%d %q %d %d\n", img.ID, img.FileName, img.Width, img.Height)
	}
	for _, c := range data.Categories {
		fmt.Fprintf(h, "%d %q\n", c.ID, c.Name)
	}
	return hex.EncodeToString(h.Sum(nil))
}
