package download

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"scalenet/internal/outbound"
)

// maxRedirects is the number of redirects that are followed.
const maxRedirects = 10

// parse parses an http or https URL.
func parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // its own text repeats the URL, with a password
		}
		return nil, fmt.Errorf("the URL is invalid: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%s: want a URL that begins with https:// or http://", u.Redacted())
	}
	return u, nil
}

// client returns a client that follows redirects, but not from https to http.
func (r *Request) client() *http.Client {
	transport := r.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.ResponseHeaderTimeout = r.Stall
		transport = own
	}
	return &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		switch before := via[len(via)-1].URL; {
		case len(via) > maxRedirects:
			return &finalError{fmt.Errorf("more than %d redirects, the last one to %s", maxRedirects, next.URL.Redacted())}
		case next.URL.Scheme != "http" && next.URL.Scheme != "https":
			return &finalError{fmt.Errorf("a redirect to %s, want https or http", next.URL.Redacted())}
		case before.Scheme == "https" && next.URL.Scheme != "https":
			return &finalError{fmt.Errorf("a redirect from https to %s, which is not encrypted, is not followed", next.URL.Redacted())}
		}
		return nil
	}}
}

// finalError is an error that another attempt would repeat.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// requestError returns the error of a request without the URL, which the caller adds.
func requestError(ctx context.Context, err error) error {
	if of := new(url.Error); errors.As(err, &of) {
		err = of.Err
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var (
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
	)
	if errors.As(err, &name) && name.IsNotFound || errors.As(err, &certificate) {
		return &finalError{outbound.Reason(err)}
	}
	return outbound.Reason(err)
}

// statusError is a response without a file.
type statusError struct {
	status string // such as 404 Not Found
	from   string // the address after redirects, "" if there were none
	after  time.Duration
}

func (e *statusError) Error() string {
	text := "the server's response is HTTP " + e.status
	if e.from != "" {
		text += " from " + e.from
	}
	return text
}

// newStatusError returns the error of a response. Only statuses of a server that is busy or broken for a while are worth another attempt.
func (d *download) newStatusError(resp *http.Response) error {
	e := &statusError{status: fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))}
	if at := resp.Request.URL; at.String() != d.url.String() {
		e.from = at.Redacted()
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			e.after = time.Duration(min(seconds, 3600)) * time.Second
		}
		return e
	}
	return &finalError{e}
}

// retryAfter returns the time that the server asks to wait, or 0.
func retryAfter(err error) time.Duration {
	if e := new(statusError); errors.As(err, &e) {
		return e.after
	}
	return 0
}
