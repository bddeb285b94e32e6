package download

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// part is an incomplete file. It is locked, so that two processes do not write to it.
type part struct {
	path  string
	url   string
	file  *os.File
	size  int64
	state state
}

// state is what the server said about the complete file. It is saved next to the part before the first byte is written.
type state struct {
	URL          string `json:"url"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Size         int64  `json:"size"` // -1 if unknown
}

// newState returns the state of a response with a whole file. Weak validators are left out: files that share one may differ (RFC 9110, 8.8).
func newState(url string, resp *http.Response) state {
	s := state{URL: url, Size: resp.ContentLength}
	if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		s.ETag = tag
	}
	modified, err1 := http.ParseTime(resp.Header.Get("Last-Modified"))
	sent, err2 := http.ParseTime(resp.Header.Get("Date"))
	if err1 == nil && err2 == nil && sent.Sub(modified) >= time.Second {
		s.LastModified = resp.Header.Get("Last-Modified")
	}
	return s
}

// validator returns the value of If-Range, or "" if the server gave none.
func (s state) validator() string {
	if s.ETag != "" {
		return s.ETag
	}
	return s.LastModified
}

// openPart opens and locks the part of the file path, or creates it. A part of another URL stays as it is until a response replaces it. Data of which
// nothing is known, such as that of another program, is refused.
func openPart(path, url string) (*part, error) {
	p := &part{path: path + ".part", url: url}
	var err error
	if p.file, err = os.OpenFile(p.path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	if err := p.lock(); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	if p.size, err = p.file.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	text, err := os.ReadFile(p.statePath())
	known := err == nil && json.Unmarshal(text, &p.state) == nil
	if !known && p.size > 0 {
		err := fmt.Errorf("%s: is no download that can continue: %s is missing or damaged; move it or remove it", p.path, p.statePath())
		return nil, errors.Join(err, p.file.Close())
	}
	if !known || p.state.URL != url || p.state.Size >= 0 && p.size > p.state.Size {
		p.state = state{Size: -1}
	}
	return p, nil
}

func (p *part) statePath() string { return p.path + ".json" }

// lock locks the part. On file systems without locks nothing is locked.
func (p *part) lock() error {
	err := unix.Flock(int(p.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	have, err1 := p.file.Stat()
	want, err2 := os.Lstat(p.path)
	if errors.Is(err, unix.EWOULDBLOCK) || err2 != nil || err1 == nil && !os.SameFile(have, want) {
		return fmt.Errorf("%s: another process downloads this file", p.path)
	}
	return err1
}

// complete reports whether all data is there.
func (p *part) complete() bool {
	return p.state.Size >= 0 && p.size == p.state.Size && p.state.URL != ""
}

// resumable reports whether a request for the rest of the data can be made.
func (p *part) resumable() bool { return p.size > 0 && p.state.validator() != "" }

// empty removes the data.
func (p *part) empty() error {
	p.size = 0
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

// begin empties the part for the file that s describes.
func (p *part) begin(s state) error {
	if err := p.empty(); err != nil {
		return err
	}
	p.state = s
	return p.saveState()
}

func (p *part) saveState() error {
	text, err := json.Marshal(p.state)
	if err != nil {
		return err
	}
	return os.WriteFile(p.statePath(), append(text, '\n'), 0o644)
}

// Write appends data.
func (p *part) Write(data []byte) (n int, err error) {
	n, err = p.file.Write(data)
	p.size += int64(n)
	return n, err
}

// end records that all data is there, of a file whose size the server did not say.
func (p *part) end() error {
	if p.state.Size >= 0 {
		return nil
	}
	p.state.Size = p.size
	return p.saveState()
}

// moveTo gives the complete file its name.
func (p *part) moveTo(path string) error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(p.path, path); err != nil {
		return err
	}
	if err := os.Remove(p.statePath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// remove removes the part and its state.
func (p *part) remove() error { return errors.Join(os.Remove(p.path), os.Remove(p.statePath())) }

// close releases the lock. A part without data is removed.
func (p *part) close() error {
	if _, err := os.Lstat(p.path); err == nil && p.size == 0 {
		os.Remove(p.statePath())
		os.Remove(p.path)
	}
	return p.file.Close()
}
