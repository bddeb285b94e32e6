package video

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"scalenet/imaging"
)

// Encoder writes an MP4 (H.264) through a child process. The file is fragmented: up to the last second it is playable at any moment, also if the process
// or the disk ends.
type Encoder struct {
	w, h   int
	ffmpeg *exec.Cmd
	frames io.WriteCloser
	says   messages
	failed error
}

// NewEncoder writes frames of w x h pixels to file, which it closes. rate is the number of frames per second; with 0, frames have the time at which they are
// written.
func NewEncoder(file *os.File, w, h int, rate float64) (*Encoder, error) {
	defer file.Close() // the child process has it
	input := []string{"-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", fmt.Sprintf("%dx%d", w, h)}
	output := []string{"-fps_mode", "passthrough"}
	if rate > 0 {
		input = append(input, "-framerate", strconv.FormatFloat(rate, 'f', -1, 64))
	} else {
		input = append(input, "-use_wallclock_as_timestamps", "1")
		output = []string{"-fps_mode", "vfr"}
	}
	args := append(logging("error"), "-nostats")
	args = append(append(args, input...), "-i", "pipe:0", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2")
	args = append(append(args, output...), "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "25",
		"-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:3")
	e := &Encoder{w: w, h: h, ffmpeg: command(context.Background(), "ffmpeg", args...)}
	e.ffmpeg.ExtraFiles = []*os.File{file}
	var err error
	if e.frames, err = e.ffmpeg.StdinPipe(); err != nil {
		return nil, err
	}
	stderr, err := e.ffmpeg.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := e.ffmpeg.Start(); err != nil {
		return nil, err
	}
	e.says.read(stderr, nil)
	return e, nil
}

// Write adds a frame. Its size must be that of the video.
func (e *Encoder) Write(m *imaging.Image) error {
	if e.failed != nil {
		return e.failed
	}
	if m.W != e.w || m.H != e.h {
		return fmt.Errorf("a frame of %dx%d pixels in a video of %dx%d", m.W, m.H, e.w, e.h)
	}
	if _, err := e.frames.Write(m.Pix); err != nil {
		e.failed = cmp.Or(e.close(), err)
	}
	return e.failed
}

// Close writes what is left and ends the child process. After an error of Write it returns nil.
func (e *Encoder) Close() error {
	if e.failed != nil {
		return nil
	}
	e.failed = errors.New("the video is closed")
	return e.close()
}

func (e *Encoder) close() error {
	e.frames.Close() // may be closed by the end of the process
	<-e.says.done
	return e.says.failed(e.ffmpeg.Wait())
}
