package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"scalenet/internal/outbound"
)

// LabelStudio says where the uploaded and local files of tasks are.
type LabelStudio struct {
	// URL of Label Studio, "" for none. It may be a private address.
	URL string
	// Key is a token of it: a personal access token, or a legacy token. Without it, that which Label Studio sends to /setup is used.
	Key string
}

// studio fetches files of the one Label Studio that the operator has named. Tokens are sent nowhere else.
type studio struct {
	base   *url.URL // nil for none
	key    string
	tokens *lru.Cache[string, string] // of /setup, by project
	fetch  *fetcher
}

// fetchesPerRequest is how many images of one request are fetched at a time.
const fetchesPerRequest = 4

func newStudio(c LabelStudio, limit int) (*studio, error) {
	tokens, err := lru.New[string, string](1000)
	if err != nil || c.URL == "" {
		return &studio{tokens: tokens}, err
	}
	base, err := url.Parse(strings.TrimSuffix(c.URL, "/"))
	if err == nil {
		err = outbound.CheckURL(base)
	}
	if err != nil {
		return nil, fmt.Errorf("server: label-studio = %s: %w", shown(c.URL), displayURLError(err))
	}
	t := &studio{base: base, key: c.Key, tokens: tokens, fetch: newFetcher(limit, outbound.Any)}
	redirects := t.fetch.client.CheckRedirect
	t.fetch.client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if !t.owns(r.URL) {
			return errors.New("a redirect away from Label Studio")
		}
		return redirects(r, via)
	}
	return t, nil
}

func (t *studio) keep(project, token string) {
	if token != "" {
		t.tokens.Add(project, token)
	}
}

// owns reports whether a URL is one of Label Studio.
func (t *studio) owns(u *url.URL) bool {
	return t.base != nil && u.Scheme == t.base.Scheme && u.Host == t.base.Host && u.User == nil
}

// locate returns the URL of a file that Label Studio has, or false for other addresses. Its own files are written as paths, such as
// /data/upload/1/photo.jpg.
func (t *studio) locate(address string) (u *url.URL, own bool, err error) {
	if path := strings.TrimPrefix(address, "/"); strings.HasPrefix(path, "upload/") {
		address = "/data/" + path
	}
	if u, err = url.Parse(address); err != nil {
		return nil, false, badRequest("%s: not a URL", quoted(address))
	}
	switch {
	case strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//"):
		if t.base == nil {
			return nil, true, errNoStudio
		}
		u, err = url.Parse(t.base.String() + address)
		return u, true, err
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, false, badRequest("%s: want an http or https URL, a path of Label Studio or a data URL", quoted(address))
	}
	return u, t.owns(u), nil
}

// get downloads a file with the token for the project. A personal access token is exchanged for one of minutes, as Label Studio wants it.
func (t *studio) get(ctx context.Context, u *url.URL, project string, l *lease) ([]byte, error) {
	token := t.key
	if token == "" {
		token, _ = t.tokens.Get(project)
	}
	header := http.Header{}
	header.Set("Accept", "*/*") // it answers image/* with 406
	switch {
	case strings.Count(token, ".") == 2:
		access, err := t.exchange(ctx, token)
		if err != nil {
			return nil, &Error{Status: http.StatusUnprocessableEntity, Code: "url_failed", Message: "Label Studio did not accept the token in " + StudioKeyVariable, cause: err}
		}
		header.Set("Authorization", "Bearer "+access)
	case token != "":
		header.Set("Authorization", "Token "+token)
	}
	return t.fetch.get(ctx, u.String(), header, l)
}

// StudioKeyVariable is the environment variable with [LabelStudio].Key.
const StudioKeyVariable = "LABEL_STUDIO_API_KEY"

// exchange returns an access token for a personal access token.
func (t *studio) exchange(ctx context.Context, token string) (string, error) {
	body, err := json.Marshal(map[string]string{"refresh": token})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base.String()+"/api/token/refresh", strings.NewReader(string(body)))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := t.fetch.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("/api/token/refresh responded %s", response.Status)
	}
	var answer struct {
		Access string `json:"access"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&answer)
	return answer.Access, err
}

// taskImage is the image of a task, or why there is none.
type taskImage struct {
	upload upload
	err    error
}

// taskImages fetches the images of tasks.
func (s *Server) taskImages(ctx context.Context, l *lease, r studioRequest, tasks [][]byte) []taskImage {
	all := make([]taskImage, len(tasks))
	var group errgroup.Group
	group.SetLimit(fetchesPerRequest)
	for i, task := range tasks {
		group.Go(func() error {
			all[i].upload.data, all[i].err = s.taskImage(ctx, l, r, task)
			return nil
		})
	}
	group.Wait()
	return all
}

func (s *Server) taskImage(ctx context.Context, l *lease, r studioRequest, task []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	value, err := taskField(task, r.config.Field)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(value, []byte(`"data:`)) {
		data, err := stringBase64(value)
		if err != nil {
			return nil, badRequest("data.%s: %v", shown(r.config.Field), err)
		}
		return data, nil
	}
	var address string
	if len(value) > maxValueBytes || json.Unmarshal(value, &address) != nil || address == "" {
		return nil, badRequest("data.%s = %s: want the address of an image", shown(r.config.Field), shown(value))
	}
	u, own, err := s.studio.locate(address)
	switch {
	case err != nil:
		return nil, err
	case own:
		return s.studio.get(ctx, u, r.project, l)
	case s.fetch == nil:
		return nil, errNoFetch
	}
	return s.fetch.get(ctx, u.String(), nil, l)
}

// taskField returns a field of a task's data, as JSON. Data of tables may have more fields than other objects.
func taskField(task []byte, field string) ([]byte, error) {
	data := lookup(task, "data")
	if firstByte(data) != '{' {
		return nil, badRequest("data: want an object with the fields of the task")
	}
	value := lookup(data, field)
	if value == nil {
		return nil, badRequest("data: no field %s, which the labeling configuration has for the image", quoted(field))
	}
	return bytes.TrimSpace(value), nil
}

// lookup returns the value of a key of an object in a valid document, nil if it has none or is no object.
func lookup(object []byte, key string) []byte {
	if firstByte(object) != '{' {
		return nil
	}
	for rest := inside(object); len(rest) > 0; {
		var text, value []byte
		text, rest = cutValue(rest)
		value, rest = cutValue(skipSpace(rest)[1:]) // after the colon
		var name string
		if json.Unmarshal(text, &name) == nil && name == key {
			return value
		}
		rest = skipComma(rest)
	}
	return nil
}
