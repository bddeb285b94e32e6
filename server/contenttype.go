package server

import (
	"mime"
	"net/http"
	"strings"
)

// contentType reads the header of that name, as clients write it: a boundary
// needs no quotes around characters that the standard wants in quotes
// (----=_Part_1_23.45 of Java's mail, say).
func contentType(header string) (kind, boundary string, err error) {
	const want = "send multipart/form-data, application/json or image/*"
	unsound := func(message string) error {
		return &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Message: message + "; " + want}
	}
	if header == "" {
		return "", "", unsound("the Content-Type is missing")
	}
	kind, params, err := mime.ParseMediaType(header)
	if err == nil {
		return kind, params["boundary"], nil
	}
	kind, params, ok := looseParameters(header)
	if _, _, err := mime.ParseMediaType(kind); err != nil || kind == "" {
		return "", "", unsound("the Content-Type " + quoted(header) + " has no sound type")
	}
	if !ok {
		return "", "", unsound("the Content-Type " + quoted(header) + " has a parameter that is there twice")
	}
	return kind, params["boundary"], nil
}

// disposition reads a part's Content-Disposition; ok is that it names the field.
func disposition(header string) (field, file string, ok bool) {
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

// looseParameters takes "kind; name=value; ..." apart, where a value in no quotes
// goes on to the semicolon. ok is that no parameter is there twice.
func looseParameters(header string) (kind string, params map[string]string, ok bool) {
	kind, rest, more := strings.Cut(header, ";")
	params, ok = map[string]string{}, true
	for more {
		var name, value string
		if name, rest, more = strings.Cut(rest, "="); !more {
			break
		}
		name = name[strings.LastIndex(name, ";")+1:] // what has no value is passed over
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
