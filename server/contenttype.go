package server

import (
	"mime"
	"net/http"
	"strings"
)

// contentType parses a Content-Type header. Unlike mime.ParseMediaType, it accepts
// values that should be quoted but are not, such as JavaMail's boundary
// ----=_Part_1_23.45.
func contentType(header string) (kind, boundary string, err error) {
	const want = "send multipart/form-data, application/json or image/*"
	invalid := func(message string) error {
		return &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Message: message + "; " + want}
	}
	if header == "" {
		return "", "", invalid("the Content-Type is missing")
	}
	kind, params, err := mime.ParseMediaType(header)
	if err == nil {
		return kind, params["boundary"], nil
	}
	kind, params, ok := looseParameters(header)
	if _, _, err := mime.ParseMediaType(kind); err != nil || kind == "" {
		return "", "", invalid("the Content-Type " + quoted(header) + " has no valid media type")
	}
	if !ok {
		return "", "", invalid("the Content-Type " + quoted(header) + " has the same parameter twice")
	}
	return kind, params["boundary"], nil
}

// contentDisposition parses the Content-Disposition of a part: the form field and the
// file name, "" if there is none. ok is false if the header names no form field.
func contentDisposition(header string) (field, file string, ok bool) {
	kind, params, err := mime.ParseMediaType(header)
	if err != nil {
		kind, params, ok = looseParameters(header)
		if !ok {
			return "", "", false
		}
	}
	field, ok = params["name"]
	return field, params["filename"], ok && kind == "form-data"
}

// looseParameters parses "kind; name=value; ...". A value without quotes ends at the
// next semicolon. ok is false if a parameter occurs twice.
func looseParameters(header string) (kind string, params map[string]string, ok bool) {
	kind, rest, more := strings.Cut(header, ";")
	params, ok = map[string]string{}, true
	for more {
		var name, value string
		if name, rest, more = strings.Cut(rest, "="); !more {
			break
		}
		name = name[strings.LastIndex(name, ";")+1:] // skips parameters without a value
		if quote, found := strings.CutPrefix(rest, `"`); found {
			if value, rest, found = strings.Cut(quote, `"`); !found {
				break
			}
			_, rest, more = strings.Cut(rest, ";")
		} else {
			value, rest, more = strings.Cut(rest, ";")
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := params[name]; twice {
			ok = false
		}
		params[name] = strings.TrimSpace(value)
	}
	return strings.ToLower(strings.TrimSpace(kind)), params, ok
}
