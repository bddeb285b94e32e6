package outbound

import (
	"errors"
	"io"
	"net"
	"net/url"
	"syscall"
)

// reasonError is an error whose text is in words of our own.
type reasonError struct {
	text string
	err  error
}

func (e *reasonError) Error() string { return e.text }
func (e *reasonError) Unwrap() error { return e.err }

// Reason returns the error of a request, or of a connection, in words of our own and without the URL, which callers add. Other errors are unchanged.
func Reason(err error) error {
	if of := new(url.Error); errors.As(err, &of) {
		err = of.Err
	}
	if text := reason(err); text != "" {
		return &reasonError{text, err}
	}
	return err
}

// reason returns the text of an error, "" if its own is the best.
func reason(err error) string {
	var (
		name   *net.DNSError
		of     *net.OpError
		number syscall.Errno
		late   net.Error
	)
	switch {
	case errors.Is(err, ErrNotPublic):
		return ErrNotPublic.Error()
	case errors.As(err, &name) && name.IsNotFound:
		return "no host with the name " + name.Name + " is known"
	case errors.As(err, &name):
		return "the address of " + name.Name + " could not be looked up"
	case errors.As(err, &late) && late.Timeout() && dialled(err) != "":
		return "no connection to " + dialled(err) + " in time"
	case errors.As(err, &late) && late.Timeout():
		return "the server does not answer in time"
	case errors.As(err, &of) && errors.As(err, &number):
		if at := dialled(err); at != "" {
			return "no connection to " + at + ": " + number.Error()
		}
		return "connection lost: " + number.Error()
	case err == io.EOF: // one that is wrapped says more
		return "the server closed the connection without an answer"
	}
	return ""
}

// dialled returns the address that could not be connected to, "" if err is no such error.
func dialled(err error) string {
	if of := new(net.OpError); errors.As(err, &of) && of.Op == "dial" && of.Addr != nil {
		return of.Addr.String()
	}
	return ""
}
