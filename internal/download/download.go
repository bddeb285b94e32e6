// Package download downloads a file over HTTP. A transfer that was cut continues where it stopped, in this run or in a later one.
//
//	download.go  Get: attempts, pauses, the check at the end
//	transfer.go  one request and its response
//	part.go      the incomplete file, and what is known about the complete one
//	client.go    rules of redirects, and which errors do not pass by waiting
//	sum.go       SHA-256
package download

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Request describes a download.
type Request struct {
	URL string
	// Path is the file to write. It exists only when it is complete: until then the data is in Path.part, and Path.part.json says of which file.
	Path string
	// Sum is the expected SHA-256 in hexadecimal digits, or its first digits, or MD5 and those of the MD5. It is not checked if it is empty.
	Sum string
	// MaxBytes is the size above which a file is refused; 0 is no limit.
	MaxBytes int64
	// Progress, if not nil, is called with the bytes that are in the file and their total, -1 if the server does not say.
	Progress func(done, total int64)
	// Note, if not nil, is called with a line about an attempt that failed or started again.
	Note func(text string)

	// Attempts is the number of requests in a row that may fail without new data, 5 if it is 0.
	Attempts int
	// Pause is the time before the second attempt, 1 s if it is 0. It doubles with every further one.
	Pause time.Duration
	// Stall is the time without data after which an attempt ends, 1 minute if it is 0.
	Stall time.Duration
	// Transport carries the requests; nil is Go's default with its proxy settings.
	Transport http.RoundTripper
}

// Get downloads a file and returns its SHA-256 in hexadecimal digits. If the file exists, only its sum is checked. After an error the data so far is
// kept, unless its sum is wrong. Errors name the URL or the file.
func Get(ctx context.Context, r Request) (sum string, err error) {
	r.Attempts, r.Pause, r.Stall = cmp.Or(r.Attempts, 5), cmp.Or(r.Pause, time.Second), cmp.Or(r.Stall, time.Minute)
	u, err := parse(r.URL)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(r.Path); !errors.Is(err, fs.ErrNotExist) {
		return CheckSum(r.Path, r.Sum)
	}
	if err := os.MkdirAll(filepath.Dir(r.Path), 0o755); err != nil {
		return "", err
	}
	p, err := openPart(r.Path, u.Redacted())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	d := &download{Request: r, url: u, part: p, client: r.client()}
	if !p.complete() {
		if err := d.attempts(ctx); err != nil {
			return "", err
		}
	}
	return d.finish()
}

// download is a download in progress.
type download struct {
	Request
	url    *url.URL
	part   *part
	client *http.Client
	most   int64 // bytes that the file had at most: less is no progress
}

// StoppedError is the error of a download whose context ended.
type StoppedError struct {
	URL   string
	Kept  string // what the next run will do
	Cause error
}

func (e *StoppedError) Error() string { return fmt.Sprintf("%s: stopped; %s", e.URL, e.Kept) }
func (e *StoppedError) Unwrap() error { return e.Cause }

// minProgress is the number of new bytes after which attempts are counted anew. It is above 0, so that a server that sends a few bytes per connection
// does not keep the download going for ever.
const minProgress = 1 << 20

// attempts transfers the file, in as many requests as it takes.
func (d *download) attempts(ctx context.Context) error {
	if d.part.resumable() {
		d.most = d.part.size
	}
	for failed := 1; ; failed++ {
		err := d.transfer(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return &StoppedError{URL: d.url.Redacted(), Kept: d.kept(), Cause: context.Cause(ctx)}
		}
		if final := new(finalError); errors.As(err, &final) {
			return fmt.Errorf("%s: %w", d.url.Redacted(), final.error)
		}
		if d.part.size >= d.most+minProgress {
			failed = 1
		}
		d.most = max(d.most, d.part.size)
		if failed >= d.Attempts {
			return fmt.Errorf("%s: %w; gave up after %d attempts, %s", d.url.Redacted(), err, failed, d.kept())
		}
		pause := min(max(d.Pause<<(failed-1), retryAfter(err)), time.Minute)
		d.note(fmt.Sprintf("%v; next attempt in %v", err, pause))
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// kept says what the next run with the same file will do.
func (d *download) kept() string {
	if d.part.resumable() {
		return fmt.Sprintf("the same command continues after %s", Size(d.part.size))
	}
	return "the same command starts again"
}

func (d *download) note(text string) {
	if d.Note != nil {
		d.Note(d.url.Redacted() + ": " + text)
	}
}

// finish checks the sum of the complete file and gives it its name.
func (d *download) finish() (sum string, err error) {
	sum, err = CheckSum(d.part.path, d.Sum)
	if wrong := new(SumError); errors.As(err, &wrong) {
		wrong.Of = d.url.Redacted()
		return "", errors.Join(fmt.Errorf("%w; the downloaded file was removed", err), d.part.remove())
	}
	if err != nil {
		return "", err
	}
	return sum, d.part.moveTo(d.Path)
}

// Size returns a number of bytes in MiB, or in bytes if they are few.
func Size(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
