package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"scalenet/imaging"
)

// upload is a picture as it was sent.
type upload struct {
	name string // the client's own; only ever sent back
	data []byte
	url  string // to be fetched instead

	picture *imaging.Image // decoded already, where it came as pixels
}

// form is a request's body in parts.
type form struct {
	uploads []upload
	// several tells that the request is answered with a list: it has more than
	// one picture, or asks for a list.
	several bool
	values  url.Values
}

const (
	pictureField   = "image"
	longestValue   = 4 << 10
	mostFormValues = 64
)

// parseForm takes a body apart according to its content type. The values are
// those of the query string and, before them, of the body.
func parseForm(contentType string, body []byte, query url.Values, pictures int) (form, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return form{}, &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
			Message: "the Content-Type is missing or unsound; send multipart/form-data, application/json or image/*"}
	}
	f := form{values: url.Values{}}
	switch {
	case kind == "multipart/form-data":
		err = f.multipart(body, params["boundary"], pictures)
	case kind == "application/json":
		err = f.json(body)
	case strings.HasPrefix(kind, "image/"), kind == "application/octet-stream":
		f.uploads = []upload{{data: body}}
	default:
		err = &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
			Message: "Content-Type " + kind + " is not taken: send multipart/form-data with a field \"image\", application/json with a field \"image\" in base64, or the picture itself as image/jpeg"}
	}
	if err != nil {
		return f, err
	}
	for key, list := range query {
		if _, set := f.values[key]; !set {
			f.values[key] = list
		}
	}
	if link := f.values.Get("url"); link != "" {
		f.uploads = append(f.uploads, upload{url: link})
		f.values.Del("url")
	}
	switch n := len(f.uploads); {
	case n == 0:
		return f, badRequest("no picture in the request: a field %q is needed", pictureField)
	case n > pictures:
		return f, badRequest("more than the %d pictures allowed in one request", pictures)
	case n > 1:
		f.several = true
	}
	return f, nil
}

func (f *form) multipart(body []byte, boundary string, pictures int) error {
	if boundary == "" {
		return badRequest("the Content-Type multipart/form-data has no boundary")
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badRequest("the multipart body is unsound: %v", err)
		}
		if n >= mostFormValues+pictures {
			return badRequest("more than %d parts in the request", mostFormValues+pictures)
		}
		if err := f.part(part, pictures); err != nil {
			return err
		}
	}
}

func (f *form) part(part *multipart.Part, pictures int) error {
	name := part.FormName()
	if name == pictureField {
		if len(f.uploads) >= pictures {
			return badRequest("more than the %d pictures allowed in one request", pictures)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return badRequest("the multipart body is unsound: %v", err)
		}
		f.uploads = append(f.uploads, upload{name: displayName(part.FileName()), data: data})
		return nil
	}
	if part.FileName() != "" {
		return badRequest("field %q: pictures go into the field %q", displayName(name), pictureField)
	}
	value, err := io.ReadAll(io.LimitReader(part, longestValue+1))
	if err != nil {
		return badRequest("the multipart body is unsound: %v", err)
	}
	if len(value) > longestValue {
		return badRequest("field %q: longer than %d bytes", displayName(name), longestValue)
	}
	f.values.Add(name, string(value))
	return nil
}

// json reads {"image": base64, or "images": [...], and parameters beside it}.
func (f *form) json(body []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return badRequest("the JSON body is unsound: %v", err)
	}
	for key, raw := range fields {
		switch key {
		case "image", "images":
			var list []string
			if key == "image" {
				list = make([]string, 1)
				if err := json.Unmarshal(raw, &list[0]); err != nil {
					return badRequest("field %q: want a string of base64", key)
				}
			} else if err := json.Unmarshal(raw, &list); err != nil {
				return badRequest("field %q: want a list of strings of base64", key)
			}
			f.several = f.several || key == "images"
			for _, text := range list {
				data, err := decodeBase64(text)
				if err != nil {
					return badRequest("field %q: %v", key, err)
				}
				f.uploads = append(f.uploads, upload{data: data})
			}
		default:
			value, err := jsonValue(raw)
			if err != nil {
				return badRequest("field %q: %v", displayName(key), err)
			}
			f.values.Set(key, value)
		}
	}
	return nil
}

// jsonValue is a parameter as a query string has it; a list has commas.
func jsonValue(raw json.RawMessage) (string, error) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && list != nil {
		var texts []string
		for _, item := range list {
			text, err := jsonValue(item)
			if err != nil {
				return "", err
			}
			texts = append(texts, text)
		}
		return strings.Join(texts, ","), nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	if raw = bytes.TrimSpace(raw); len(raw) > longestValue || len(raw) > 0 && raw[0] == '{' {
		return "", errors.New("want a string, a number or a list of them")
	}
	return string(raw), nil
}

// decodeBase64 takes standard and URL alphabets, with or without padding, line
// breaks, and a data URL around them.
func decodeBase64(text string) ([]byte, error) {
	if rest, ok := strings.CutPrefix(text, "data:"); ok {
		head, data, found := strings.Cut(rest, ",")
		if !found || !strings.HasSuffix(head, ";base64") {
			return nil, errors.New("a data URL has to be in base64")
		}
		text = data
	}
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "", " ", "").Replace(text), "=")
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64")
	}
	return data, nil
}

// displayName is a name from outside as it is sent back: no path, no control
// characters, not long.
func displayName(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > 100 {
		name = string(runes[:100])
	}
	return name
}
