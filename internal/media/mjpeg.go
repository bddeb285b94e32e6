package media

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"scalenet/imaging"
)

// standardInput is an image, or a stream of JPEGs, on standard input.
func standardInput(o Options) Source {
	s := Source{Name: "-", Path: "stdin"}
	s.open = func(ctx context.Context, _ Options) (stream, error) {
		return &jpegStream{ctx: ctx, in: bufio.NewReaderSize(o.Stdin, 1<<16), stride: max(1, o.Stride)}, nil
	}
	return s
}

// jpegStream reads JPEGs that follow each other, with or without the lines of a multipart response between them. Anything else that is an image is read as
// one frame.
type jpegStream struct {
	ctx    context.Context
	in     *bufio.Reader
	stride int
	begun  bool
	single bool
	half   bool // 0xff of the next frame has been read
	number int  // of the next frame
}

func (*jpegStream) close() {}

func (s *jpegStream) next() (*imaging.Image, Frame, error) {
	for {
		f := Frame{Number: s.number, Time: -1}
		data, err := s.data()
		if err == io.EOF {
			return nil, f, io.EOF
		}
		s.number++
		if s.single || f.Number == 0 && s.ends() {
			f.Number = -1
		}
		if err == nil && f.Number > 0 && f.Number%s.stride != 0 {
			continue
		}
		var m *imaging.Image
		if err == nil {
			m, err = decode(s.ctx, data)
		}
		if err != nil {
			err = &faultError{err}
		}
		return m, f, err
	}
}

// ends reports whether the stream has ended. It waits for the next frame.
func (s *jpegStream) ends() bool {
	_, err := s.in.Peek(1)
	return err != nil
}

// data returns the next frame.
func (s *jpegStream) data() ([]byte, error) {
	if !s.begun {
		s.begun = true
		head, err := s.in.Peek(4)
		if len(head) == 0 {
			if err == io.EOF {
				return nil, errors.New("standard input is empty")
			}
			return nil, err
		}
		multipart := bytes.HasPrefix(head, []byte("--")) || bytes.HasPrefix(head, []byte("\r\n--"))
		if !bytes.HasPrefix(head, []byte("\xff\xd8\xff")) && !multipart {
			s.single = true
			return readLimited(s.in)
		}
	}
	if s.single {
		return nil, io.EOF
	}
	if !s.half {
		if err := s.skip(); err != nil {
			return nil, err
		}
	}
	r := jpegReader{in: s.in}
	if s.half {
		r.data = append(r.data, 0xff)
	}
	previews, err := r.read()
	s.half = r.half
	s.single = err == nil && previews // what follows are previews of the one photograph
	return r.data, err
}

// skip reads up to the next start of a JPEG.
func (s *jpegStream) skip() error {
	for {
		head, err := s.in.Peek(3)
		if len(head) < 3 {
			if err == nil || err == io.EOF {
				return io.EOF
			}
			return err
		}
		if string(head) == "\xff\xd8\xff" {
			return nil
		}
		if _, err := s.in.Discard(1); err != nil {
			return err
		}
	}
}

// The markers of a JPEG that matter here (ITU-T T.81, table B.1).
const (
	markerTEM = 0x01
	markerRST = 0xd0 // to 0xd7
	markerSOI = 0xd8
	markerEOI = 0xd9
	markerSOS = 0xda
	markerAP2 = 0xe2
)

type jpegReader struct {
	in   *bufio.Reader
	half bool // of the marker at the start of the next JPEG, 0xff has been read
	data []byte
}

// read reads one JPEG by its markers. previews reports whether it announces further images of the same photograph (CIPA DC-007).
func (r *jpegReader) read() (previews bool, err error) {
	defer func() {
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			err = r.cutOff()
		}
	}()
	if err := r.take(2 - len(r.data)); err != nil { // SOI
		return false, err
	}
	for {
		marker, err := r.marker()
		if err != nil {
			return false, err
		}
		switch {
		case marker == markerEOI:
			return previews, nil
		case marker == markerSOI: // another frame starts
			return false, r.cutOff()
		case marker == markerTEM || marker >= markerRST && marker < markerSOI:
			continue
		}
		begin := len(r.data)
		if err := r.segment(); err != nil {
			return false, err
		}
		previews = previews || marker == markerAP2 && bytes.HasPrefix(r.data[begin+2:], []byte("MPF\x00"))
	}
}

func (r *jpegReader) cutOff() error {
	return fmt.Errorf("%w: JPEG: cut off after %d bytes", imaging.ErrCorrupt, len(r.data))
}

// take copies n bytes.
func (r *jpegReader) take(n int) error {
	if len(r.data)+n > fileBytes {
		return fmt.Errorf("%w: a JPEG in the stream has more than %d bytes", imaging.ErrTooLarge, fileBytes)
	}
	begin := len(r.data)
	r.data = append(r.data, make([]byte, n)...)
	got, err := io.ReadFull(r.in, r.data[begin:])
	r.data = r.data[:begin+got]
	return err
}

// segment copies a segment: its length, then as many bytes, those of the length included.
func (r *jpegReader) segment() error {
	begin := len(r.data)
	if err := r.take(2); err != nil {
		return err
	}
	length := int(r.data[begin])<<8 | int(r.data[begin+1])
	if length < 2 {
		return fmt.Errorf("%w: JPEG: a segment of %d bytes", imaging.ErrCorrupt, length)
	}
	return r.take(length - 2)
}

// marker copies up to the next marker and returns it. Coded data comes before it; there a byte 0xff is followed by 0. A start of a JPEG is left in the
// stream.
func (r *jpegReader) marker() (byte, error) {
	for {
		part, err := r.in.ReadSlice(0xff)
		if len(r.data)+len(part) > fileBytes {
			return 0, fmt.Errorf("%w: a JPEG in the stream has more than %d bytes", imaging.ErrTooLarge, fileBytes)
		}
		r.data = append(r.data, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return 0, err
		}
		for {
			next, err := r.in.ReadByte()
			if err != nil {
				return 0, err
			}
			if next == markerSOI {
				r.half = true
				return markerSOI, r.in.UnreadByte()
			}
			r.data = append(r.data, next)
			if next == 0xff {
				continue // fill
			}
			if next != 0 {
				return next, nil
			}
			break
		}
	}
}
