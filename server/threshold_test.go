package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/coco/threshold"
	"scalenet/detector"
)

// storeThresholds stores a threshold for each class in a model's file, 0 for none.
func storeThresholds(t *testing.T, path string, thresholds ...float64) {
	t.Helper()
	m, err := detector.Load(path)
	require.NoError(t, err)
	chosen := &threshold.Chosen{Rule: "f1"}
	for k, v := range thresholds {
		c := threshold.Class{Name: m.Classes[k]}
		if v > 0 {
			c.Point = &threshold.Point{Threshold: threshold.Estimate{Value: v}}
		}
		chosen.Classes = append(chosen.Classes, c)
	}
	require.NoError(t, m.StoreThresholds(path, chosen))
}

// parsed is a threshold as written.
func parsed(t *testing.T, text string) detector.Threshold {
	v, err := detector.ParseThreshold(text)
	require.NoError(t, err)
	return v
}

// TestThresholds: every API takes thresholds by class, and gives what reaches them.
func TestThresholds(t *testing.T) {
	s := serve(t, func(c *Config) { c.Threshold = parsed(t, "dog=0.9,second=1,*=0") })
	image := string(photo(t, 100, 70))
	get := func(query string) []Detection {
		t.Helper()
		status, _, text := s.post(t, "/detect?"+query, "image/jpeg", image)
		require.Equal(t, http.StatusOK, status, text)
		return read[DetectResponse](t, text).Detections
	}
	all := get("threshold=0")
	require.Greater(t, len(all), 20)
	middle := all[len(all)/2].Score
	storeThresholds(t, s.files[0], float64(middle), 0, float64(all[5].Score))
	s.Reload()
	reach := func(scores ...float32) []Detection {
		chosen := []Detection{}
		for _, d := range all {
			if d.Score >= scores[d.ClassID-1] {
				chosen = append(chosen, d)
			}
		}
		return chosen
	}
	list := fmt.Sprintf("cat=%v,first=%v,dog=1", middle, all[3].Score)
	for text, want := range map[string][]Detection{
		"":                  reach(0, .9, 0), // that of the server; "second" is a class of the other model
		"best":              reach(middle, detector.DefaultThreshold, all[5].Score),
		"cat=best":          reach(middle, .9, 0),
		"CAT=best,*=1":      reach(middle, 1, 1),
		"1,first=0":         reach(1, 1, 0),
		list:                reach(middle, 1, all[3].Score),
		"dog=0,0.5,cat=0.5": reach(.5, 0, .5),
	} {
		t.Run(text, func(t *testing.T) {
			query := url.Values{"threshold": {text}}.Encode()
			assert.Equal(t, want, get(query))
			assert.Equal(t, want[:min(2, len(want))], append([]Detection{}, get(query+"&max=2")...), "max counts what reaches its threshold")

			status, _, answer := s.post(t, "/v1/vision/detection?min_confidence="+url.QueryEscape(text), "image/jpeg", image)
			require.Equal(t, http.StatusOK, status, answer)
			require.Len(t, read[deepStackResponse](t, answer).Predictions, len(want))

			body, err := json.Marshal(map[string]any{
				"parameters": map[string]any{"threshold": text},
				"inputs":     []any{map[string]any{"name": "image", "datatype": "BYTES", "shape": []int{1}, "data": [][]byte{[]byte(image)}}},
			})
			require.NoError(t, err)
			status, _, answer = s.post(t, "/v2/models/first/infer", "application/json", string(body))
			require.Equal(t, http.StatusOK, status, answer)
			assert.Contains(t, answer, fmt.Sprintf(`"shape":[%d,4]`, len(want)))
		})
	}

	status, _, text := s.send(t, http.MethodGet, "/models", "", nil)
	require.Equal(t, http.StatusOK, status)
	models := read[struct{ Models []ModelInfo }](t, text).Models
	best := float32(detector.DefaultThreshold)
	assert.Equal(t, []ClassInfo{{1, "cat", &middle}, {2, "dog", &best}, {3, "first", &all[5].Score}}, models[0].Classes)
	assert.Equal(t, ClassInfo{ID: 1, Label: "cat"}, models[1].Classes[0], "nothing is stored in the other model")
}

func TestThresholdErrors(t *testing.T) {
	s := serve(t, nil)
	image := string(photo(t, 100, 70))
	for text, want := range map[string]string{
		"dgo=0.4":         `threshold = "dgo=0.4": no class "dgo"; did you mean "dog"?; there are cat, dog, first`,
		"second=0.4":      `no class "second"`,
		"dog=2,cat=1":     `threshold = "dog=2,cat=1": "dog=2": want a number from 0 to 1, best, or a list by class`,
		"dog=0.1,dog=0.2": `two thresholds for the class "dog"`,
		"best":            `threshold = "best": best: no thresholds are stored in the model's file; ` + "`scalenet eval",
		"dog=best":        `no thresholds are stored`,
	} {
		status, _, answer := s.post(t, "/detect?threshold="+url.QueryEscape(text), "image/jpeg", image)
		assert.Equal(t, http.StatusBadRequest, status, text)
		assert.Contains(t, errorOf(t, answer).Message, want)
	}
	c := s.config
	c.Threshold = parsed(t, "dgo=0.4")
	_, err := New(c)
	require.ErrorContains(t, err, `server: threshold = dgo=0.4: no class "dgo"; did you mean "dog"?; there are cat, dog, first, second`)
}
