package download

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// transfer sends one request, for what the part does not have yet, and appends the response.
func (d *download) transfer(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(d.Stall, func() { cancel(fmt.Errorf("no data for %v", d.Stall)) })
	defer silence.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url.String(), nil)
	if err != nil {
		return &finalError{err}
	}
	req.Header.Set("User-Agent", "scalenet")
	req.Header.Set("Accept-Encoding", "identity") // ranges and sizes of the file itself
	if d.part.resumable() {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.part.size))
		req.Header.Set("If-Range", d.part.state.validator())
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return requestError(ctx, err)
	}
	defer resp.Body.Close()
	body := bufio.NewReaderSize(resp.Body, 1<<20)
	if err := d.accept(resp, body); err != nil {
		return err
	}
	if err := d.copy(body, func() { silence.Reset(d.Stall) }); err != nil {
		if got := new(readError); errors.As(err, &got) {
			return fmt.Errorf("cut after %s: %w", Size(d.part.size), requestError(ctx, got.error))
		}
		return &finalError{err}
	}
	if want := d.part.state.Size; want >= 0 && d.part.size < want {
		return fmt.Errorf("cut after %s of %s", Size(d.part.size), Size(want))
	}
	if err := d.part.end(); err != nil {
		return &finalError{err}
	}
	return nil
}

// accept decides by the response's header whether its body goes to the end of the part, or into an empty one.
func (d *download) accept(resp *http.Response, body *bufio.Reader) error {
	switch resp.StatusCode {
	case http.StatusOK:
		if err := notPage(resp, body); err != nil {
			return err
		}
		s := newState(d.url.Redacted(), resp)
		if err := d.fits(s.Size); err != nil {
			return err
		}
		switch {
		case d.part.size == 0:
		case d.part.state.URL == "":
			d.note("what was here is of another file, and is replaced")
		default:
			d.note("the server sends the whole file: it does not resume, or the file has changed")
		}
		if err := d.part.begin(s); err != nil {
			return &finalError{err}
		}
		return nil
	case http.StatusPartialContent:
		if !d.continues(resp) {
			return d.again("the server's range is not the one that was asked for")
		}
		return d.fits(d.part.state.Size)
	case http.StatusRequestedRangeNotSatisfiable:
		return d.again("the server's file is shorter than the part of it that is here")
	}
	return d.newStatusError(resp)
}

// notPage returns an error if a response is a web page, such as one of a login.
func notPage(resp *http.Response, body *bufio.Reader) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	start, _ := body.Peek(512)
	if kind == "text/html" || kind == "application/xhtml+xml" || strings.HasPrefix(http.DetectContentType(start), "text/html") {
		return &finalError{fmt.Errorf("the server sent a web page (HTML) instead of the file")}
	}
	return nil
}

// continues reports whether a partial response begins where the part ends, in the same file.
func (d *download) continues(resp *http.Response) bool {
	var first, last int64
	var total string
	n, _ := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%s", &first, &last, &total)
	want := d.part.state
	same := func(header, before string) bool {
		now := resp.Header.Get(header)
		return now == "" || before == "" || now == before
	}
	return n == 3 && d.part.resumable() && first == d.part.size && (want.Size < 0 || total == "*" || total == fmt.Sprint(want.Size)) &&
		same("ETag", want.ETag) && same("Last-Modified", want.LastModified)
}

// again empties the part, so that the next attempt asks for the whole file. A part of another file stays.
func (d *download) again(why string) error {
	if d.part.resumable() {
		if err := d.part.empty(); err != nil {
			return &finalError{err}
		}
	}
	return errors.New(why + ", starting again")
}

// fits returns an error if a file of that size, of which the disk has the part, is too large for the limit or the disk.
func (d *download) fits(size int64) error {
	if d.MaxBytes > 0 && size > d.MaxBytes {
		return &finalError{fmt.Errorf("the file has %s, want at most %s", Size(size), Size(d.MaxBytes))}
	}
	var disk unix.Statfs_t
	dir := filepath.Dir(d.Path)
	if size < 0 || unix.Statfs(dir, &disk) != nil {
		return nil
	}
	if free := int64(disk.Bavail) * disk.Bsize; free < size-d.part.size {
		return &finalError{fmt.Errorf("%s: no space: %s are missing of the file, the disk has %s", dir, Size(size-d.part.size), Size(free))}
	}
	return nil
}

// readError is an error of reading the response, not of writing the file.
type readError struct{ error }

// copy appends the body to the part. got is called whenever data has arrived.
func (d *download) copy(body *bufio.Reader, got func()) error {
	limit := int64(math.MaxInt64)
	if d.MaxBytes > 0 {
		limit = d.MaxBytes
	}
	if d.part.state.Size >= 0 {
		limit = d.part.state.Size
	}
	d.progress()
	buffer := make([]byte, 256<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			got()
			if _, err := d.part.Write(buffer[:n]); err != nil {
				return d.writeError(err)
			}
			if d.part.size > limit {
				return errors.Join(fmt.Errorf("the server sends more than %s", Size(limit)), d.part.empty())
			}
			d.progress()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &readError{err}
		}
	}
}

func (d *download) writeError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w; %s is kept: with more space, %s", err, d.part.path, d.kept())
	}
	return err
}

func (d *download) progress() {
	if d.Progress != nil {
		d.Progress(d.part.size, d.part.state.Size)
	}
}
