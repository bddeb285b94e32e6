package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/internal/outbound"
)

const studioConfigXML = `<View><Image name="img" value="$photo"/><RectangleLabels name="tag" toName="img">` +
	`<Label value="CAT"/><Label value="dog"/><Label value="bird"/></RectangleLabels></View>`

// studioServer stands for Label Studio: it has one image, for who has a token.
type studioServer struct {
	*httptest.Server
	mu   sync.Mutex
	asks []string
}

func newStudioServer(t *testing.T, image []byte) *studioServer {
	s := &studioServer{}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { assert.Fail(t, "asked for "+r.URL.String()) }))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asks = append(s.asks, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
		s.mu.Unlock()
		switch authorization := r.Header.Get("Authorization"); {
		case r.URL.Path == "/studio/api/token/refresh":
			body, _ := io.ReadAll(r.Body)
			if string(body) != `{"refresh":"a.personal.token"}` {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, `{"access": "an.access.token"}`)
		case r.Header.Get("Accept") != "*/*":
			w.WriteHeader(http.StatusNotAcceptable)
		case authorization != "Token legacy" && authorization != "Bearer an.access.token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/studio/data/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		case r.URL.Path == "/studio/data/upload/1/a b.jpg", r.URL.Path == "/studio/data/local-files/" && r.URL.Query().Get("d") == "photos/a.jpg":
			_, _ = w.Write(image)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(elsewhere.Close)
	t.Cleanup(s.Close)
	return s
}

func (s *served) predict(t *testing.T, path string, tasks []any, header ...string) (int, string) {
	body, err := json.Marshal(map[string]any{"tasks": tasks, "project": "1.17", "label_config": studioConfigXML, "params": map[string]any{"login": nil, "context": nil}})
	require.NoError(t, err)
	status, _, text := s.post(t, path, "application/json", string(body), header...)
	return status, text
}

func task(id int, image any) any {
	return map[string]any{"id": id, "data": map[string]any{"photo": image}, "meta": map[string]any{}, "annotations": []any{}}
}

// TestLabelStudio holds predictions against /detect: uploaded and local files with a token, data URLs, a file that is missing.
func TestLabelStudio(t *testing.T) {
	image := photo(t, 100, 70)
	for name, key := range map[string]string{"setup": "", "personal": "a.personal.token"} {
		t.Run(name, func(t *testing.T) {
			studio := newStudioServer(t, image)
			s := serve(t, func(c *Config) {
				c.LabelStudio = LabelStudio{URL: studio.URL + "/studio/", Key: key}
				c.Limits.Images, c.Limits.Image.Bytes = 2, 1<<20
			})
			_, _, text := s.post(t, "/detect?model=second", "image/jpeg", string(image))
			want := read[DetectResponse](t, text).Detections
			status, _, text := s.send(t, "GET", "/labelstudio/second/health", "", nil)
			require.Equal(t, 200, status, text)
			assert.JSONEq(t, `{"status": "UP", "model_class": "second"}`, text)
			status, _, text = s.post(t, "/labelstudio/second/setup", "application/json",
				`{"project": "1.17", "schema": `+jsonString(studioConfigXML)+`, "hostname": "http://elsewhere", "access_token": "legacy", "extra_params": null}`)
			require.Equal(t, 200, status, text)
			version := read[map[string]string](t, text)["model_version"]
			assert.Regexp(t, `^second-[0-9a-f]{12}$`, version)

			status, text = s.predict(t, "/labelstudio/second/predict", []any{
				task(1, "/data/upload/1/a%20b.jpg"), task(2, "/data/local-files/?d=photos/a.jpg"), task(3, "/data/upload/1/gone.jpg"),
				task(4, dataURL(image)), task(5, studio.URL+"/studio/data/upload/1/a%20b.jpg"),
				task(6, "upload/1/a%20b.jpg"), task(7, "/data/away"),
			})
			require.Equal(t, 200, status, text)
			got := read[studioResponse](t, text)
			assert.Equal(t, version, got.ModelVersion)
			require.Len(t, got.Results, 7)
			for i, r := range got.Results {
				if i == 2 || i == 6 {
					assert.Nil(t, r.Result)
					assert.Equal(t, "url_failed", r.Error.Code)
					continue
				}
				require.Nil(t, r.Error, "task %d", i+1)
				checkRegions(t, want, r)
			}
			for _, ask := range studio.asks {
				if key != "" && !strings.Contains(ask, "/token/") {
					assert.Contains(t, ask, "Bearer an.access.token")
				}
			}
		})
	}
}

// checkRegions: boxes of cats and dogs in percent; others are counted.
func checkRegions(t *testing.T, want []Detection, r studioResult) {
	dropped := 0
	var kept []Detection
	for _, d := range want {
		if d.Label == "second" {
			dropped++
		} else {
			kept = append(kept, d)
		}
	}
	require.Positive(t, dropped)
	assert.Equal(t, map[string]int{"second": dropped}, r.Dropped)
	require.Len(t, *r.Result, len(kept))
	ids, sum := map[string]bool{}, 0.0
	for i, g := range *r.Result {
		d := kept[i]
		assert.Equal(t, map[string]string{"cat": "CAT", "dog": "dog"}[d.Label], g.Value.Labels[0])
		assert.Equal(t, [3]string{"rectanglelabels", "tag", "img"}, [3]string{g.Type, g.From, g.To})
		assert.Equal(t, [2]int{100, 70}, [2]int{g.Width, g.Height})
		assert.Equal(t, d.Score, *g.Score)
		for _, pair := range [][2]float64{
			{float64(d.Box.X1), g.Value.X}, {float64(d.Box.Y1) / 0.7, g.Value.Y},
			{float64(d.Box.X2), g.Value.X + g.Value.Width}, {float64(d.Box.Y2) / 0.7, g.Value.Y + g.Value.Height},
		} {
			assert.InDelta(t, pair[0], pair[1], 1e-4)
		}
		ids[g.ID], sum = true, sum+float64(d.Score)
	}
	assert.Len(t, ids, len(kept))
	assert.InDelta(t, sum/float64(len(kept)), *r.Score, 1e-6)
}

func jsonString(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}

// TestLabelStudioRefuses: one line with the field and its value.
func TestLabelStudioRefuses(t *testing.T) {
	s := serve(t, func(c *Config) { c.Limits.Body = 1 << 20 })
	config := `"label_config": ` + jsonString(studioConfigXML)
	predict := func(value string) string {
		return `{` + config + `, "tasks": [{"id": 1, "data": {"photo": ` + value + `}}]}`
	}
	for name, c := range map[string]struct {
		path, body string
		status     int
		message    string
	}{
		"empty":             {"/predict", "", 400, "it ends early"},
		"no object":         {"/predict", "[]", 400, "the JSON body: want an object"},
		"no config":         {"/predict", `{"tasks": [{}]}`, 400, "label_config: a labeling configuration is needed"},
		"config, number":    {"/predict", `{"label_config": 3}`, 400, "label_config = 3: want a string"},
		"config, choices":   {"/predict", `{"label_config": "<View/>"}`, 400, "label_config: no RectangleLabels"},
		"config, long":      {"/predict", `{"label_config": "` + strings.Repeat("x", 1<<20) + `"}`, 413, "longer than"},
		"no tasks":          {"/predict", `{` + config + `}`, 400, "tasks: none in the request"},
		"empty tasks":       {"/predict", `{` + config + `, "tasks": []}`, 400, "tasks: none in the request"},
		"tasks, object":     {"/predict", `{` + config + `, "tasks": {}}`, 400, "tasks: want a list"},
		"task, number":      {"/predict", `{` + config + `, "tasks": [3]}`, 400, "data: want an object"},
		"no data":           {"/predict", `{` + config + `, "tasks": [{"id": 1}]}`, 400, "data: want an object"},
		"other field":       {"/predict", `{` + config + `, "tasks": [{"data": {"image": "x"}}]}`, 400, `data: no field "photo"`},
		"number":            {"/predict", predict("3"), 400, "data.photo = 3: want the address of an image"},
		"null":              {"/predict", predict("null"), 400, "data.photo = null: want the address of an image"},
		"empty address":     {"/predict", predict(`""`), 400, `data.photo = "": want the address`},
		"cloud":             {"/predict", predict(`"s3://bucket/a.jpg"`), 400, `"s3://bucket/a.jpg": want an http or https URL`},
		"other host":        {"/predict", predict(`"//host/a.jpg"`), 400, "want an http or https URL"},
		"not base64":        {"/predict", predict(`"data:image/jpeg;base64,!"`), 400, "data.photo: not base64"},
		"uploaded":          {"/predict", predict(`"/data/upload/1/a.jpg"`), 403, "--label-studio gives it"},
		"address":           {"/predict", predict(`"http://127.0.0.1:1/a.jpg"`), 403, "--allow-url turns it on"},
		"not an image":      {"/predict", predict(`"data:image/jpeg;base64,aGVsbG8="`), 415, ""},
		"model":             {"/labelstudio/third/predict", predict(`"x"`), 404, `no model "third"`},
		"parameter":         {"/predict?threshold=2", predict(`"x"`), 400, `threshold = "2"`},
		"other parameter":   {"/predict?url=x", predict(`"x"`), 400, `parameter "url" is not known`},
		"model parameter":   {"/predict?model=second", predict(`"x"`), 400, `parameter "model" is not known`},
		"format":            {"/predict?format=coco", predict(`"x"`), 400, `parameter "format" is not known`},
		"setup":             {"/setup", `{}`, 400, "schema: a labeling configuration is needed"},
		"setup, no class":   {"/setup", `{"schema": ` + jsonString(strings.NewReplacer("CAT", "x", "dog", "y").Replace(studioConfigXML)) + `}`, 400, "schema: no label of its RectangleLabels is a class of the model first, which has cat, dog, first"},
		"setup, long token": {"/setup", `{"schema": ` + jsonString(studioConfigXML) + `, "access_token": "` + strings.Repeat("x", 5000) + `"}`, 400, "access_token: longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, text := s.post(t, c.path, "application/json", c.body)
			assert.Equal(t, c.status, status, text)
			assert.Contains(t, errorOf(t, text).Message, c.message)
		})
	}
	status, _, text := s.post(t, "/webhook", "application/json", `{"action": "TASKS_CREATED"}`)
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"status": "ignored"}`, text)
	for address, want := range map[string]string{"ftp://x": "want an http or https URL", "http://": "no host", "http://a:b@c": "user name", "\x00": "not a URL"} {
		c := s.config
		c.LabelStudio.URL = address
		_, err := New(c)
		assert.ErrorContains(t, err, "label-studio = "+address)
		assert.ErrorContains(t, err, want)
	}
}

// TestLabelStudioKey: the API key is the password of the backend.
func TestLabelStudioKey(t *testing.T) {
	s := serve(t, func(c *Config) { c.Keys = []string{"secret"} })
	image := dataURL(photo(t, 60, 60))
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("scalenet:"+password))
	}
	for header, want := range map[[2]string]int{
		{"Authorization", ""}: 401, {"Authorization", basic("guess")}: 401, {"Authorization", basic("secret")}: 200, {"X-API-Key", "secret"}: 200,
	} {
		status, text := s.predict(t, "/predict", []any{task(1, image)}, header[0], header[1])
		assert.Equal(t, want, status, text)
	}
	for path, want := range map[string]int{"/health": 200, "/labelstudio/second/health": 200, "/labelstudio/third/health": 404} {
		status, _, _ := s.send(t, "GET", path, "", nil)
		assert.Equal(t, want, status)
	}
}

// TestLabelStudioDeadline: what was ready in time is returned, the rest is an error, so that the next request begins there.
func TestLabelStudioDeadline(t *testing.T) {
	s := serve(t, func(c *Config) { c.Limits.Images, c.Timeout = 3, 5*time.Second }) // the deadline is within the first group
	s.hold()
	image := dataURL(photo(t, 60, 60))
	go func() { s.gate <- struct{}{}; s.gate <- struct{}{} }()
	status, text := s.predict(t, "/predict", []any{task(1, image), task(2, image), task(3, image), task(4, image)})
	require.Equal(t, 200, status, text)
	codes := taskCodes(t, text)
	assert.ElementsMatch(t, []string{"ok", "ok", "deadline_exceeded"}, codes[:3])
	assert.Equal(t, "deadline_exceeded", codes[3])
}

// TestLabelStudioTiles: tasks that together need more runs than a request may have, or more places than are free, are detected one after the other.
// Only the task that needs too many alone has an error.
func TestLabelStudioTiles(t *testing.T) {
	s := serve(t, func(c *Config) { c.Queue.Places, c.Limits.Images, c.Limits.Tiles = 20, 5, 16 })
	small, large := dataURL(photo(t, 150, 100)), dataURL(photo(t, 300, 200)) // 7 and 25 runs
	tasks := []any{task(1, small), task(2, small), task(3, large), task(4, small), task(5, small)}
	want := []string{"ok", "ok", "too_many_tiles", "ok", "ok"}
	for name, taken := range map[string]int{"runs": 0, "places": 12} {
		t.Run(name, func(t *testing.T) {
			tickets, err := s.queue.Reserve(taken)
			require.NoError(t, err)
			defer func() {
				for _, ticket := range tickets {
					ticket.Release()
				}
			}()
			status, text := s.predict(t, "/predict?tile=64", tasks)
			require.Equal(t, 200, status, text)
			assert.Equal(t, want, taskCodes(t, text))
		})
	}
}

func dataURL(image []byte) string {
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(image)
}

// taskCodes are "ok" or the error's code of each task.
func taskCodes(t *testing.T, text string) (codes []string) {
	for _, r := range read[studioResponse](t, text).Results {
		if r.Error != nil {
			codes = append(codes, r.Error.Code)
		} else {
			codes = append(codes, "ok")
		}
	}
	return codes
}

// TestLabelStudioRecorded replays what Label Studio 1.23.2 has sent (scripts/label-studio.py records it).
func TestLabelStudioRecorded(t *testing.T) {
	image, err := os.ReadFile("../examples/BloodImage_00014.jpg")
	require.NoError(t, err)
	studio := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(image) }))
	defer studio.Close()
	s := serve(t, func(c *Config) { c.LabelStudio.URL, c.Limits.Image.Bytes = studio.URL, 1<<20 })
	var recorded struct{ Hostname string } // the absolute URLs of local files begin with it
	data, err := os.ReadFile("testdata/labelstudio-setup.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &recorded))
	for _, name := range []string{"setup", "predict"} {
		body, err := os.ReadFile("testdata/labelstudio-" + name + ".json")
		require.NoError(t, err)
		// Its labels become those of this test's model.
		text := strings.NewReplacer(`\"RBC\"`, `\"cat\"`, `\"wbc\"`, `\"Dog\"`, recorded.Hostname, studio.URL).Replace(string(body))
		status, _, text := s.post(t, "/"+name, "application/json", text)
		require.Equal(t, 200, status, text)
		if name == "predict" {
			for _, r := range read[studioResponse](t, text).Results {
				require.Nil(t, r.Error)
				assert.NotEmpty(t, *r.Result)
			}
		}
	}
}

// TestLocate: which addresses are Label Studio's.
func TestLocate(t *testing.T) {
	st, err := newStudio(LabelStudio{URL: "https://studio.example:8443/below"}, 1)
	require.NoError(t, err)
	for address, want := range map[string]string{
		"/data/upload/1/a.jpg": "own https://studio.example:8443/below/data/upload/1/a.jpg", "upload/1/a.jpg": "own https://studio.example:8443/below/data/upload/1/a.jpg",
		"/upload/1/a.jpg":                "own https://studio.example:8443/below/data/upload/1/a.jpg",
		"/data/local-files/?d=a/b c.jpg": "own https://studio.example:8443/below/data/local-files/?d=a/b c.jpg",
		"https://studio.example:8443/x":  "own https://studio.example:8443/x",
		"http://studio.example:8443/x":   "http://studio.example:8443/x", "https://studio.example/x": "https://studio.example/x",
		"https://studio.example:8443@evil/x": "https://studio.example:8443@evil/x", "https://evil/?https://studio.example:8443": "https://evil/?https://studio.example:8443",
	} {
		u, own, err := st.locate(address)
		require.NoError(t, err, address)
		got := u.String()
		if own {
			got = "own " + got
		}
		assert.Equal(t, want, got)
	}
}

// What is located as Label Studio's is on its host.
func FuzzLocate(f *testing.F) {
	for _, address := range []string{"/data/upload/1/a.jpg", "upload/x", "//host/x", "/\\host", "http://studio/x", "http://studio@evil", "/@evil", "", "data:"} {
		f.Add(address)
	}
	st, err := newStudio(LabelStudio{URL: "http://studio"}, 1)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, address string) {
		u, own, err := st.locate(address)
		if err != nil {
			return
		}
		parsed, err := url.Parse(u.String())
		if err != nil {
			t.Skip()
		}
		if own && (parsed.Host != "studio" || parsed.Scheme != "http" || parsed.User != nil) {
			t.Fatalf("%q became %s", address, u)
		}
		if !own && outbound.CheckURL(u) == nil && u.Host == "studio" && u.Scheme == "http" {
			t.Fatalf("%q is not its own", address)
		}
	})
}

// FuzzStudioTask: the field of any task is found or refused.
func FuzzStudioTask(f *testing.F) {
	for _, text := range []string{`{"data": {"photo": "a"}}`, `{"data": []}`, `{}`, `[]`, `{"data": {"photo": {"photo": 1}}, "data": 2}`, `"data"`, `{"data":{"\u0070hoto":"a"}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if checkJSON(text) != nil {
			t.Skip()
		}
		value, err := taskField(text, "photo")
		if err == nil && !json.Valid(value) {
			t.Fatalf("%q", value)
		}
	})
}
