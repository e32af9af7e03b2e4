package labs

import (
	"encoding/binary"
	"io"
	"time"
)

// pcapSnap is the most of a packet that is written: more than any of a lab.
const pcapSnap = 262144

// pcapWriter writes a capture file in the classic form, with nanoseconds (draft-ietf-opsawg-pcap), for tcpdump and
// Wireshark. All packets are of Ethernet.
type pcapWriter struct{ w io.Writer }

// begin writes the head of the file.
func (p pcapWriter) begin() error {
	head := binary.LittleEndian.AppendUint32(nil, 0xa1b23c4d) // nanoseconds
	head = binary.LittleEndian.AppendUint16(head, 2)          // version 2.4
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = binary.LittleEndian.AppendUint64(head, 0) // two fields of no use
	head = binary.LittleEndian.AppendUint32(head, pcapSnap)
	head = binary.LittleEndian.AppendUint32(head, 1) // LINKTYPE_ETHERNET
	_, err := p.w.Write(head)
	return err
}

// packet writes a packet of which length bytes were on the wire.
func (p pcapWriter) packet(at time.Time, length int, data []byte) error {
	record := make([]byte, 0, 16+len(data))
	record = binary.LittleEndian.AppendUint32(record, uint32(at.Unix()))
	record = binary.LittleEndian.AppendUint32(record, uint32(at.Nanosecond()))
	record = binary.LittleEndian.AppendUint32(record, uint32(len(data)))
	record = binary.LittleEndian.AppendUint32(record, uint32(length))
	_, err := p.w.Write(append(record, data...)) // one write a packet: a reader of a pipe sees whole ones
	return err
}
