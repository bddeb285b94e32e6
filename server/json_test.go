package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allocated is how many bytes a function allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileJSON: whatever a body of JSON asks for, it is refused before it has
// taken more memory than the body's own.
func TestHostileJSON(t *testing.T) {
	const size = 4 << 20
	nested := func(depth int) string {
		return strings.Repeat("[", depth) + `"` + strings.Repeat("x", size) + `"` + strings.Repeat("]", depth)
	}
	repeat := func(text string) string { return strings.Repeat(text, size/len(text)) }
	var keys strings.Builder
	for i := 0; keys.Len() < size; i++ {
		fmt.Fprintf(&keys, `"%d":1,`, i)
	}
	detect := func(body string) error {
		_, err := parseForm("application/json", []byte(body), nil, 16)
		return err
	}
	infer := func(body string) error {
		_, err := parseInference([]byte(body), "", DefaultConfig().Limits.Image, func(int64) bool { return true })
		return err
	}
	input := `{"inputs": [{"name": "image", "datatype": "BYTES", `
	for name, c := range map[string]struct {
		parse         func(string) error
		body, message string
	}{
		"deep":                {detect, `{"threshold":` + nested(9000) + `}`, "nested deeper than 16 levels at byte 28"},
		"deeper than Go goes": {detect, `{"threshold":` + nested(200_000) + `}`, "nested deeper than 16 levels"},
		"never closed":        {detect, repeat(`{"a":`), "nested deeper than 16 levels"},
		"long":                {detect, `{"threshold":` + nested(0) + `}`, `field "threshold": longer than 4096 bytes`},
		"long in a list":      {detect, `{"classes":` + nested(1) + `}`, `field "classes": longer than 4096 bytes`},
		"a list in a list":    {detect, `{"classes": [["cat"], "dog"]}`, "want a string, a number or a list of them"},
		"an object in a list": {detect, `{"classes": [{}]}`, "want a string, a number or a list of them"},
		"fields":              {detect, `{` + keys.String() + `"a": 1}`, "more than 64 fields"},
		"a long name":         {detect, `{"` + repeat("x") + `": 1}`, "a field's name is longer than 4096 bytes"},
		"a name twice":        {detect, `{"max": 1, "m\u0061x": 2}`, `field "max" occurs twice`},
		"images":              {detect, `{"images": [` + repeat(`"",`) + `""]}`, `field "images": more than 16`},
		"image of lists":      {detect, `{"image": ["` + repeat("x") + `"]}`, `field "image": want a string of base64`},
		"a long word":         {detect, `{"max": ` + repeat("1") + `}`, `field "max": longer`},
		"ends early":          {detect, `{"image": "` + repeat("A"), "invalid JSON: it ends early"},
		"in a number":         {detect, `{"max": 1`, "invalid JSON: it ends early, after 9 bytes"},
		"nothing":             {detect, ``, "invalid JSON: it ends early, after 0 bytes"},
		"a byte behind":       {detect, `{"max": 1} x`, `invalid JSON at byte 11: "x"`},
		"bytes behind":        {detect, `{"max": 1}}` + repeat(" "), `invalid JSON at byte 10: "}`},
		"a wrong last byte":   {detect, `{"max": 1;`, `invalid JSON at byte 9: ";"`},
		"a character":         {detect, `{"max": 1;}`, `invalid JSON at byte 9: ";}"`},
		"not UTF-8":           {detect, "{\"max\": \xff" + repeat("x") + "}", "invalid JSON at byte 8"},

		"infer, deep":         {infer, `{"parameters": {"threshold":` + nested(9000) + `}}`, "nested deeper than 16 levels"},
		"infer, long":         {infer, `{"parameters": {"threshold": "` + repeat("x") + `"}}`, `parameter "threshold": longer than 4096 bytes`},
		"infer, twice":        {infer, `{"parameters": {"max": 1, "max": 2}}`, `field "max" occurs twice`},
		"infer, parameters":   {infer, `{"parameters": {` + keys.String() + `"a": 1}}`, "parameters: more than 64 fields"},
		"infer, a list":       {infer, `{"parameters": [1]}`, "parameters: want an object"},
		"infer, inputs":       {infer, `{"inputs": [` + repeat("{},") + `{}]}`, `want one input, "image"`},
		"infer, outputs":      {infer, `{"outputs": [` + repeat("{},") + `{}]}`, "outputs: more than 4"},
		"infer, output":       {infer, `{"outputs": [{"name": "` + repeat("x") + `"}]}`, "name: longer than 4096 bytes"},
		"infer, no output":    {infer, `{"outputs": [1]}`, "outputs: want an object"},
		"infer, id":           {infer, `{"id": {"a": "` + repeat("x") + `"}}`, "id: longer than 4096 bytes"},
		"infer, id of 1":      {infer, `{"id": 1}`, "id = 1: want a string"},
		"infer, shape":        {infer, input + `"shape": [` + repeat("1,") + `1]}]}`, "want a list of at most 8 whole numbers"},
		"infer, shape of x":   {infer, input + `"shape": "` + repeat("x") + `"}]}`, "want a list of at most 8 whole numbers"},
		"infer, data":         {infer, input + `"shape": [1], "data": [` + repeat(`"",`) + `""]}]}`, "want one image"},
		"infer, data of data": {infer, input + `"shape": [1], "data": [[` + repeat(`"",`) + `""]]}]}`, "want one image"},
		"infer, size":         {infer, input + `"parameters": {"binary_data_size": "` + repeat("x") + `"}}]}`, "binary_data_size is"},
		"infer, datatype":     {infer, `{"inputs": [{"name": "image", "datatype": "` + repeat("x") + `"}]}`, "datatype: longer"},
		"infer, another name": {infer, `{"inputs": [{"name": "a/b", "datatype": "BYTES"}]}`, `want one input, "image", not "a/b"`},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			taken := allocated(func() { err = c.parse(c.body) })
			require.Error(t, err)
			e := asError(err)
			assert.Equal(t, http.StatusBadRequest, e.Status, err)
			assert.Contains(t, e.Message, c.message)
			assert.Less(t, len(e.Message), 300)
			assert.Less(t, taken, uint64(len(c.body)+100_000), "the body's copy is one")
		})
	}
}

// TestJSONParts: what is taken apart is what encoding/json finds.
func TestJSONParts(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"a":1}`, ` { "a" : [ 1 , 2 ] , "b,}" : "c\"]" , "d": {"e": []} , "f":null,"g":-1.5e3,"h":true } `, `{"":""}`, `{"é\n":"\\"}`,
	} {
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		got, err := fields([]byte(text))
		require.NoError(t, err, text)
		require.Len(t, got, len(want))
		for _, f := range got {
			assert.Equal(t, string(want[f.key]), string(f.value), text)
		}
	}
	for _, text := range []string{`[]`, `[ ]`, `[1]`, ` [ 1 ,"a,]", [ 2,[3] ] , {"b":"}"},null ] `} {
		var want []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		got, err := elements([]byte(text), 10)
		require.NoError(t, err, text)
		require.Len(t, got, len(want))
		for i, value := range got {
			assert.Equal(t, string(want[i]), string(value), text)
		}
	}
}

// TestBase64Escapes: what JSON writers escape in base64.
func TestBase64Escapes(t *testing.T) {
	data := []byte("\xfb\xff\xbf any image")
	plain := base64.StdEncoding.EncodeToString(data)
	for _, text := range []string{
		plain, strings.ReplaceAll(plain, "/", `\/`), strings.ReplaceAll(plain, "+", `\u002B`), plain[:5] + `\r\n` + plain[5:], "data:image/png;base64," + plain,
	} {
		got, err := stringBase64([]byte(`"` + text + `"`))
		require.NoError(t, err, text)
		assert.Equal(t, data, got)
	}
	for _, text := range []string{`"\u20ac"`, `"a\\b="`, `"` + plain[:5] + `"`, `5`, `["a"]`, `null`} {
		_, err := stringBase64([]byte(text))
		assert.Error(t, err, text)
	}
}

// FuzzJSONParts: sound documents have the parts that encoding/json finds.
func FuzzJSONParts(f *testing.F) {
	for _, text := range []string{`{"a": [1, {"b": "\"}"}], "c": null}`, `[[1], "x,y", {}]`, `{"a":1,"a":2}`, `[`, `"a"`, "[1]\n", strings.Repeat("[", 20)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		if err := checkJSON(document); err != nil {
			if e := asError(err); e.Status != http.StatusBadRequest || len(e.Message) > maxMessageBytes {
				t.Fatalf("%d %q", e.Status, e.Message)
			}
			return
		}
		var object map[string]json.RawMessage
		if list, err := fields(document); err == nil {
			if err := json.Unmarshal(document, &object); err != nil || len(object) != len(list) {
				t.Fatalf("%d fields, %v", len(list), err)
			}
			for _, f := range list {
				if string(object[f.key]) != string(f.value) {
					t.Fatalf("%q: %q, not %q", f.key, f.value, object[f.key])
				}
				_, _ = jsonValue(f.value)
				_, _ = stringBase64(f.value)
			}
		}
		var want []json.RawMessage
		if list, err := elements(document, maxFields); err == nil {
			if err := json.Unmarshal(document, &want); err != nil || len(want) != len(list) {
				t.Fatalf("%d elements, %v", len(list), err)
			}
		}
	})
}
