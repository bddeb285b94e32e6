package video

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"scalenet/imaging"
)

// Input is a video to decode.
type Input struct {
	Path   string        // a file, a device such as /dev/video0, or an address
	From   time.Duration // time of the first frame
	To     time.Duration // end; 0 for the end of the video
	Stride int           // every Stride-th frame, from the first on; 0 is 1
	Proxy  string        // URL of the HTTP proxy for http and https addresses; "" for none
}

// Device reports whether a path is that of a Video4Linux device.
func Device(path string) bool { return strings.HasPrefix(path, "/dev/video") }

// scheme returns the scheme of an address in lower case, "" for a path.
func (in Input) scheme() string {
	scheme, _, ok := strings.Cut(in.Path, "://")
	if !ok || strings.Contains(scheme, "/") {
		return ""
	}
	return strings.ToLower(scheme)
}

// source returns the arguments that come before the input. Which protocols ffmpeg may use is limited: a playlist in a file names no address, and one from
// an address no file.
func (in Input) source() (args []string) {
	switch in.scheme() {
	case "":
		if Device(in.Path) {
			return []string{"-f", "v4l2"}
		}
		return []string{"-protocol_whitelist", "file"}
	case "http", "https":
		args = []string{"-protocol_whitelist", "http,https,httpproxy,tcp,tls,crypto,data"}
		if in.Proxy != "" {
			args = append(args, "-http_proxy", in.Proxy)
		}
	case "rtsp":
		args = []string{"-protocol_whitelist", "rtsp,rtp,udp,tcp", "-rtsp_transport", "tcp"}
	}
	return args
}

// path returns the input as ffmpeg takes it: a file name with a colon is no address.
func (in Input) path() string {
	if in.scheme() == "" {
		return "file:" + in.Path
	}
	return in.Path
}

// readable removes the path, which callers add, from a message.
func (in Input) readable(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), in.path()+": ", ""))
}

// Frame is a frame of a video.
type Frame struct {
	Image  *imaging.Image
	Number int           // of all frames, from 0; with Input.From it follows from time and frame rate
	Time   time.Duration // from the beginning of the video
}

// Decoder decodes a video in a child process.
type Decoder struct {
	in      Input
	info    Info
	stopped <-chan struct{}
	cancel  context.CancelFunc
	ffmpeg  *exec.Cmd
	exited  sync.Once
	exit    error
	frames  *bufio.Reader
	times   chan float64 // seconds from Input.From of frames, in their order
	says    messages
	number  int // frames read
	ended   error
}

// Open starts to decode. info is that of Probe; its frame rate counts frames before Input.From.
func Open(ctx context.Context, in Input, info Info) (*Decoder, error) {
	ctx, cancel := context.WithCancel(ctx)
	d := &Decoder{in: in, info: info, stopped: ctx.Done(), cancel: cancel, times: make(chan float64, 4096)}
	d.ffmpeg = command(ctx, "ffmpeg", in.decodeArgs()...)
	stdout, errOut := d.ffmpeg.StdoutPipe()
	stderr, errErr := d.ffmpeg.StderrPipe()
	if err := cmp.Or(errOut, errErr); err != nil {
		cancel()
		return nil, err
	}
	if err := d.ffmpeg.Start(); err != nil {
		cancel()
		return nil, err
	}
	d.frames = bufio.NewReaderSize(stdout, 1<<16)
	d.says.read(stderr, d.line)
	go func() {
		<-d.says.done
		close(d.times)
	}()
	return d, nil
}

func (in Input) decodeArgs() []string {
	args := append(logging("info"), "-nostats", "-nostdin")
	args = append(args, in.source()...)
	if in.From > 0 {
		args = append(args, "-ss", seconds(in.From))
	}
	if in.To > 0 {
		args = append(args, "-to", seconds(in.To))
	}
	filter := "showinfo=checksum=0"
	if in.Stride > 1 {
		filter = fmt.Sprintf("select=not(mod(n\\,%d)),", in.Stride) + filter
	}
	return append(args, "-i", in.path(), "-map", "0:V:0", "-vf", filter, "-fps_mode", "passthrough",
		"-f", "image2pipe", "-c:v", "bmp", "-pix_fmt", "bgr24", "pipe:1")
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }

var shown = regexp.MustCompile(`\[info\] n: *\d+ pts: *\S+ pts_time:(\S+)`)

// line keeps the time of a frame.
func (d *Decoder) line(text string) {
	if found := shown.FindStringSubmatch(text); found != nil {
		at, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			at = math.NaN()
		}
		select {
		case d.times <- at: // Next takes one per frame
		case <-d.stopped:
		}
	}
}

// FaultError is an error of a video that can be read on: frames are missing, or their pixels are wrong.
type FaultError struct{ message string }

func (e *FaultError) Error() string { return e.message }

// Next returns the next frame. After a *FaultError the next call goes on. Otherwise an error is the end: io.EOF if it is that of the video.
func (d *Decoder) Next() (Frame, error) {
	if text := d.says.take(); text != "" && d.number > 0 && d.ended == nil {
		return Frame{}, &FaultError{text}
	}
	if d.ended != nil {
		return Frame{}, d.ended
	}
	image, err := readBMP(d.frames)
	if err != nil {
		return d.end(err)
	}
	at, ok := <-d.times
	if !ok || math.IsNaN(at) {
		at = 0
		if d.info.Rate > 0 {
			at = float64(d.number*max(1, d.in.Stride)) / d.info.Rate
		}
	}
	f := Frame{Image: image, Number: d.number * max(1, d.in.Stride), Time: d.in.From + time.Duration(at*float64(time.Second))}
	if d.in.From > 0 {
		f.Number = int(math.Round(f.Time.Seconds() * d.info.Rate))
	}
	d.number++
	return f, nil
}

// end returns the error after the last frame. Errors that ffmpeg wrote before are a fault that comes first.
func (d *Decoder) end(err error) (Frame, error) {
	if !errors.Is(err, io.EOF) {
		d.cancel() // what it writes is no frame
	}
	exit := d.wait()
	switch {
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		d.ended = err
	case exit != nil:
		d.ended = d.in.readable(d.says.failed(fmt.Errorf("ffmpeg: %w", exit)))
	default:
		d.ended = io.EOF
		if text := d.says.take(); text != "" {
			return Frame{}, &FaultError{text}
		}
	}
	return Frame{}, d.ended
}

// wait waits for the end of the child process.
func (d *Decoder) wait() error {
	d.exited.Do(func() {
		<-d.says.done
		d.exit = d.ffmpeg.Wait()
	})
	return d.exit
}

// Close ends the child process. It may be called while Next waits, which then returns.
func (d *Decoder) Close() {
	d.cancel()
	_ = d.wait() // killed
}

// bmpHeader is the length of the headers of the BMP files that ffmpeg writes.
const bmpHeader = 54

// frameLimits are the limits of an image file.
func frameLimits() imaging.Limits { return imaging.Limits{Side: 16384, Pixels: 50_000_000} }

// readBMP reads a BMP of 24 bits per pixel as ffmpeg writes it: rows from the bottom up, padded to four bytes. The error is io.EOF at the end.
func readBMP(r io.Reader) (*imaging.Image, error) {
	var head [bmpHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	w, h := int(int32(binary.LittleEndian.Uint32(head[18:]))), int(int32(binary.LittleEndian.Uint32(head[22:])))
	if string(head[:2]) != "BM" || binary.LittleEndian.Uint32(head[10:]) != bmpHeader || binary.LittleEndian.Uint16(head[28:]) != 24 {
		return nil, errors.New("ffmpeg: what it wrote is no frame")
	}
	if err := frameLimits().Check(w, h); err != nil {
		return nil, err
	}
	m := imaging.New(w, h)
	var padding [3]byte
	for y := h - 1; y >= 0; y-- {
		if _, err := io.ReadFull(r, m.Pix[y*w*3:(y+1)*w*3]); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(r, padding[:(4-w*3%4)%4]); err != nil {
			return nil, err
		}
	}
	return m, nil
}
