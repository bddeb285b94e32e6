package results

import (
	"errors"
	"strconv"

	"scalenet/internal/labelstudio"
)

// studioWriter writes tasks with predictions for Label Studio.
type studioWriter struct {
	array jsonArray
}

type studioTask struct {
	Data        studioData         `json:"data"`
	Predictions []studioPrediction `json:"predictions"`
}

type studioData struct {
	Image string `json:"image"`
}

type studioPrediction struct {
	Score  float64              `json:"score"` // the mean of the regions; 0 without any
	Result []labelstudio.Region `json:"result"`
}

func (w *studioWriter) Add(m Image) error {
	if m.Frame != nil {
		return errors.New("format labelstudio takes images, not frames of a video")
	}
	p := studioPrediction{Result: []labelstudio.Region{}}
	for i, x := range m.Objects {
		p.Score += float64(x.Score) / float64(len(m.Objects))
		r := labelstudio.NewRegion("box"+strconv.Itoa(i+1), xywh(x.Box), x.Label, m.Width, m.Height)
		r.Score = &x.Score
		p.Result = append(p.Result, r)
	}
	return w.array.add(studioTask{studioData{labelstudio.Address(m.File)}, []studioPrediction{p}})
}

func (w *studioWriter) Close() error { return w.array.close() }
