package server

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"scalenet/imaging"
)

// upload is an image as it was sent.
type upload struct {
	name string // file name sent by the client, only used in the response
	data []byte
	url  string // URL to fetch data from, otherwise ""

	image *imaging.Image // not nil if the client sent pixels
}

// form is a parsed request body.
type form struct {
	uploads []upload
	// several says that the response is a list: the request has more than one image,
	// or the JSON field "images".
	several bool
	values  url.Values
}

const imageField = "image"

// parseForm parses a body according to its content type. A value in the body replaces
// that of the same name in the query string. images is the maximum number of images.
func parseForm(header string, body []byte, query url.Values, images int) (form, error) {
	kind, boundary, err := contentType(header)
	if err != nil {
		return form{}, err
	}
	f := form{values: url.Values{}}
	switch {
	case kind == "multipart/form-data":
		err = f.multipart(body, boundary, images)
	case kind == "application/json":
		err = f.json(body, images)
	case strings.HasPrefix(kind, "image/"), kind == "application/octet-stream":
		f.uploads = []upload{{data: body}}
	default:
		err = &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
			Message: "Content-Type " + shown(kind) + " is not supported: send multipart/form-data with a field \"image\", application/json with a field \"image\" in base64, or the image itself as image/jpeg"}
	}
	if err != nil {
		return f, err
	}
	for key, list := range query {
		if _, set := f.values[key]; !set {
			f.values[key] = list
		}
	}
	if err := once(f.values, "url"); err != nil {
		return f, err
	}
	if link := f.values.Get("url"); link != "" {
		f.uploads = append(f.uploads, upload{url: link})
		f.values.Del("url")
	}
	switch n := len(f.uploads); {
	case n == 0:
		return f, badRequest("no image in the request: a field %q is needed", imageField)
	case n > images:
		return f, badRequest("more than the %d images allowed in one request", images)
	case n > 1:
		f.several = true
	}
	return f, nil
}

func (f *form) multipart(body []byte, boundary string, images int) error {
	if boundary == "" {
		return badRequest("the Content-Type multipart/form-data has no boundary")
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		part, err := r.NextRawPart()
		if err == io.EOF { // a truncated body wraps io.EOF
			return nil
		}
		if err != nil {
			return partError(n+1, err)
		}
		if n >= maxFields+images {
			return badRequest("more than %d parts in the request", maxFields+images)
		}
		if err := f.part(part, n+1, images); err != nil {
			return err
		}
	}
}

// partError describes why part n, counted from 1, could not be read.
func partError(n int, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return badRequest("invalid multipart body: it ends before the boundary that closes part %d", n)
	}
	return badRequest("invalid multipart body: the header of part %d cannot be read", n)
}

// part reads part n, counted from 1.
func (f *form) part(part *multipart.Part, n, images int) error {
	header := part.Header.Get("Content-Disposition")
	if len(header) > maxValueBytes {
		return badRequest("part %d of the form: its Content-Disposition is longer than %d bytes", n, maxValueBytes)
	}
	name, file, ok := contentDisposition(header)
	if !ok {
		return badRequest("part %d of the form: its Content-Disposition %s names no field; want form-data; name=%q", n, quoted(header), imageField)
	}
	if name == imageField {
		if len(f.uploads) >= images {
			return badRequest("more than the %d images allowed in one request", images)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return partError(n, err)
		}
		f.uploads = append(f.uploads, upload{name: displayName(file), data: data})
		return nil
	}
	if file != "" {
		return badRequest("field %q: images go into the field %q", shown(name), imageField)
	}
	value, err := io.ReadAll(io.LimitReader(part, maxValueBytes+1))
	if err != nil {
		return partError(n, err)
	}
	if len(value) > maxValueBytes {
		return badRequest("field %q: longer than %d bytes", shown(name), maxValueBytes)
	}
	f.values.Add(name, string(value))
	return nil
}

// json reads an object with "image" (base64) or "images" (a list), and parameters. It
// decodes base64 in place, and so overwrites the body.
func (f *form) json(body []byte, images int) error {
	if err := checkJSON(body); err != nil {
		return err
	}
	list, err := fields(body)
	if err != nil {
		return badRequest("the JSON body: %v", err)
	}
	for _, sent := range list {
		switch sent.key {
		case "image":
			err = f.base64(sent.value)
		case "images":
			f.several = true
			var list [][]byte
			list, err = elements(sent.value, images)
			for i := 0; err == nil && i < len(list); i++ {
				err = f.base64(list[i])
			}
		default:
			var value string
			value, err = jsonValue(sent.value)
			f.values.Set(sent.key, value)
		}
		if err != nil {
			return badRequest("field %q: %v", shown(sent.key), err)
		}
	}
	return nil
}

func (f *form) base64(text []byte) error {
	data, err := stringBase64(text)
	f.uploads = append(f.uploads, upload{data: data})
	return err
}

// once returns an error if one of the named parameters has more than one value.
func once(values url.Values, names ...string) error {
	for _, name := range names {
		if list := values[name]; len(list) > 1 {
			return badRequest("%s is given %d times, as %s and %s: want it once", name, len(list), quoted(list[0]), quoted(list[1]))
		}
	}
	return nil
}

// displayName returns the file name of a client for the response: without folders and
// control characters, at most 100 characters.
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
