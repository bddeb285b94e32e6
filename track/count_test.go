package track

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

func TestCountsEqualSupervision(t *testing.T) {
	var golden struct {
		Counts struct {
			Lines  [][4]float64
			Zones  [][][2]float64
			Frames [][][]float64 // id, x1, y1, x2, y2
			Counts []struct{ In, Out, Inside []int }
		}
	}
	readGolden(t, "zones.json.gz", &golden)
	g := golden.Counts
	var lines []Line
	var zones []Zone
	for _, l := range g.Lines {
		lines = append(lines, Line{"", Point{l[0], l[1]}, Point{l[2], l[3]}})
	}
	for _, z := range g.Zones {
		var zone Zone
		for _, p := range z {
			zone.Corners = append(zone.Corners, Point{p[0], p[1]})
		}
		zones = append(zones, zone)
	}
	counter := NewCounter(lines, zones, 2)
	for k, frame := range g.Frames {
		var boxes []geom.Box
		var ids []int
		for _, x := range frame {
			boxes, ids = append(boxes, box(x[1:])), append(ids, int(x[0]))
		}
		counter.Update(boxes, ids)
		for i, n := range counter.Counts() {
			if n.Zone {
				require.Equal(t, g.Counts[k].Inside[i-len(lines)], n.Inside, "frame %d, zone %d", k, i-len(lines))
				continue
			}
			require.Equal(t, [2]int{g.Counts[k].In[i], g.Counts[k].Out[i]}, [2]int{n.In, n.Out}, "frame %d, line %d", k, i)
		}
	}
	last := counter.Counts()
	require.Greater(t, last[0].In+last[0].Out, 20)
	require.Equal(t, 15, last[len(lines)].Seen)
}

func TestCounter(t *testing.T) {
	at := func(y float32) []geom.Box { return []geom.Box{{X1: 40, Y1: y, X2: 60, Y2: y + 10}} }
	line, err := ParseLine("gate=0,100,200,100")
	require.NoError(t, err)
	zone, err := ParseZone("0,0,200,0,200,80,0,80")
	require.NoError(t, err)
	c := NewCounter([]Line{line}, []Zone{zone}, 3)
	c.Update(at(150), []int{7})
	c.Update(at(95), []int{7}) // on the line
	c.Update(nil, nil)
	c.Update(nil, nil)
	c.Update(at(50), []int{7})
	c.Update(at(150), []int{0}) // no track
	c.Update(at(50), []int{8})
	assert.Equal(t, "gate: 1 in, 0 out; 0,0,200,0,200,80,0,80: 1 inside, 2 seen", c.Counts().String())
	for range 4 {
		c.Update(nil, nil)
	}
	c.Update(at(150), []int{7})
	assert.Equal(t, 0, c.Counts()[0].Out, "forgotten")
	assert.Equal(t, 0, c.Counts()[1].Inside)
	text, err := json.Marshal(c.Counts())
	require.NoError(t, err)
	assert.Equal(t, `[{"line":"gate","in":1,"out":0},{"zone":"0,0,200,0,200,80,0,80","inside":0,"seen":2}]`, string(text))
}

func TestParse(t *testing.T) {
	l, err := ParseLine(" a = 1, 2.5,-3,4 ")
	require.NoError(t, err)
	assert.Equal(t, Line{"a", Point{1, 2.5}, Point{-3, 4}}, l)
	l, err = ParseLine("1,2,3,4")
	require.NoError(t, err)
	assert.Equal(t, "1,2,3,4", l.Name)
	for text, want := range map[string]string{
		"":             wantLine,
		"=1,2,3,4":     wantLine,
		"1,2,3":        "has 3 coordinates, the last x has no y",
		"1,2":          "has 2 coordinates",
		"1,2,3,4,5,6":  "has 6 coordinates",
		"1,2,x,4":      `"x" is not a number`,
		"1,2,,4":       `"" is not a number`,
		"1,2,nan,4":    "nan is not a coordinate of a frame",
		"1,2,1e999,4":  "1e999 is not a coordinate of a frame",
		"1,2,1,2":      "starts and ends at the same point",
		"100;200;3;4 ": "is not a number",
	} {
		_, err := ParseLine(text)
		assert.ErrorContains(t, err, want, text)
	}
	for text, want := range map[string]string{
		"1,2,3,4":                        "has 4 coordinates",
		"1,2,3,4,5,6":                    "all corners are on one line",
		"1,1,1,1,1,1":                    "all corners are on one line",
		"z=":                             "is not a number",
		strings.Repeat("1,", 5000) + "x": "is not a number",
	} {
		_, err := ParseZone(text)
		require.ErrorContains(t, err, want, text)
		assert.Less(t, len(err.Error()), 1000)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a=1,2,3,4", "1,2,3,4,5,7", "1e9,,-", "=,=,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if l, err := ParseLine(text); err == nil {
			NewCounter([]Line{l}, nil, 1).Update([]geom.Box{{X2: 5, Y2: 5}}, []int{1})
		}
		if z, err := ParseZone(text); err == nil {
			NewCounter(nil, []Zone{z}, 1).Update([]geom.Box{{X2: 5, Y2: 5}}, []int{1})
		}
	})
}
