package video

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrMissing is the error if ffmpeg or ffprobe is not installed.
var ErrMissing = errors.New("ffmpeg, which reads and writes videos, is not installed: apt-get install ffmpeg")

// Check returns ErrMissing if ffmpeg or ffprobe is not on the PATH.
func Check() error {
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(name); err != nil {
			return ErrMissing
		}
	}
	return nil
}

// command returns a command in a process group of its own, which is killed at the end of ctx.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.WaitDelay = time.Second
	return c
}

// logging are the first arguments of every command: the messages have their level in brackets, none is repeated in short.
func logging(level string) []string {
	return []string{"-hide_banner", "-loglevel", "repeat+level+" + level}
}

// messages reads the messages that a child process writes to standard error.
type messages struct {
	mu    sync.Mutex
	since []string // errors that take has not returned yet
	more  int      // how many there were beside those in since
	done  chan struct{}
}

// keptErrors is the number of errors that are kept between two calls of take.
const keptErrors = 3

// read reads lines until the end of r. line gets those that are no errors.
func (m *messages) read(r io.Reader, line func(string)) {
	m.done = make(chan struct{})
	go func() {
		defer close(m.done)
		lines := bufio.NewReaderSize(r, 4096)
		for {
			text, err := lines.ReadSlice('\n') // of a longer line the parts are lines
			m.add(strings.TrimSpace(string(text)), line)
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return
			}
		}
	}()
}

func (m *messages) add(text string, line func(string)) {
	for _, level := range []string{"[error] ", "[fatal] ", "[panic] ", "[warning] "} {
		if _, message, ok := strings.Cut(text, level); ok {
			if level == "[warning] " && !strings.Contains(message, "corrupt input") && !strings.Contains(message, "corrupt decoded") {
				return
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if len(m.since) < keptErrors {
				m.since = append(m.since, message)
			} else {
				m.more++
			}
			return
		}
	}
	if line != nil {
		line(text)
	}
}

// take returns the errors since the last call in one line, "" if there were none.
func (m *messages) take() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := strings.Join(m.since, "; ")
	if m.more > 0 {
		text += fmt.Sprintf("; and %d more errors", m.more)
	}
	m.since, m.more = nil, 0
	return text
}

// failed returns the error of a child process that ended with err: its messages if it wrote any.
func (m *messages) failed(err error) error {
	if text := m.take(); err != nil && text != "" {
		return errors.New(text)
	}
	return err
}
