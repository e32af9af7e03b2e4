package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"rhapsode/templates"
)

// adoptFile is a file of the inventory as an adoption would have it.
type adoptFile struct {
	name    string // slash-separated path below the tree's root
	text    []byte
	exists  bool
	changed bool   // text is not what is there
	change  string // what would become of a file that exists: replaced, or the keys that would be added
}

// adoptFiles makes the files of an adoption: the device's own as a whole, and the shared ones with what they lack.
func adoptFiles(dir string, ad *templates.Adopted) ([]adoptFile, error) {
	head := "Adopted from the configuration of " + ad.Name + "."
	for _, n := range ad.Notes {
		head += "\n- " + n
	}
	device, err := encodeYAML(ad.Device, head)
	if err != nil {
		return nil, err
	}
	name := "devices/" + ad.Name + ".yaml"
	there, err := readExisting(dir, name)
	if err != nil {
		return nil, err
	}
	files := []adoptFile{{
		name: name, text: device, exists: there != nil, changed: !bytes.Equal(there, device), change: "would be replaced",
	}}
	for _, shared := range []struct {
		name    string
		content any
	}{
		{"common.yaml", ad.Common},
		{"roles/" + ad.Role + ".yaml", struct{}{}},
		{"sites/" + ad.Site + ".yaml", ad.Shared},
	} {
		f, err := extendFile(dir, shared.name, shared.content)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// extendFile gives a shared file with the keys of content that it lacks; what it has stays as it is.
func extendFile(dir, name string, content any) (adoptFile, error) {
	f := adoptFile{name: name}
	there, err := readExisting(dir, name)
	if err != nil {
		return f, err
	}
	if there == nil {
		f.changed = true
		f.text, err = encodeYAML(content, "")
		return f, err
	}
	f.exists, f.text = true, there
	var doc, more yaml.Node
	if err := yaml.Unmarshal(there, &doc); err != nil {
		return f, fmt.Errorf("read %s: %w", name, err)
	}
	if err := more.Encode(content); err != nil {
		return f, fmt.Errorf("write %s: %w", name, err)
	}
	if len(doc.Content) == 0 { // an empty file
		doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	added := addMissing(doc.Content[0], &more, "")
	if len(added) == 0 {
		return f, nil
	}
	f.changed, f.change = true, strings.Join(added, " and ")+" would be added"
	f.text, err = encodeYAML(&doc, "")
	return f, err
}

// addMissing adds the keys of src that dst lacks, at every depth, and names them.
func addMissing(dst, src *yaml.Node, path string) (added []string) {
	if dst.Kind != yaml.MappingNode || src.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(src.Content); i += 2 {
		key, value := src.Content[i], src.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		found := false
		for j := 0; j+1 < len(dst.Content) && !found; j += 2 {
			if found = dst.Content[j].Value == key.Value; found {
				added = append(added, addMissing(dst.Content[j+1], value, at)...)
			}
		}
		if !found {
			dst.Content = append(dst.Content, key, value)
			dst.Style &^= yaml.FlowStyle // room for more
			added = append(added, at)
		}
	}
	return added
}

// readExisting reads a file of the tree; nil if there is none.
func readExisting(dir, name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	if text == nil {
		text = []byte{}
	}
	return text, nil
}

// encodeYAML writes content as a person would, below a comment.
func encodeYAML(content any, comment string) ([]byte, error) {
	var b bytes.Buffer
	if comment != "" {
		for line := range strings.SplitSeq(comment, "\n") {
			b.WriteString("# " + line + "\n")
		}
	}
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(content), enc.Close()); err != nil {
		return nil, fmt.Errorf("encode YAML: %w", err)
	}
	return b.Bytes(), nil
}
