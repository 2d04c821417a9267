"""XMP packets: what a photo's own says stays, and an edit adds how it was made.

Where software and platforms look for it: IPTC's DigitalSourceType says that a trained algorithm had a part in the
picture, and `xmpMM:History` which program, model and edit. There is no time in it, so that the same edit makes the
same file. Packets are strangers' XML: those that are large, declare entities or cannot be read give way to a new one.
"""

import pathlib
import re
import struct
from collections.abc import Mapping
from xml.dom import XMLNS_NAMESPACE, minidom
from xml.parsers import expat

from fvae_jax.errors import printable

SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia'

_RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#'
_TIFF, _EXIF = 'http://ns.adobe.com/tiff/1.0/', 'http://ns.adobe.com/exif/1.0/'
_MEDIA, _EVENT = 'http://ns.adobe.com/xap/1.0/mm/', 'http://ns.adobe.com/xap/1.0/sType/ResourceEvent#'
_IPTC = 'http://iptc.org/std/Iptc4xmpExt/2008-02-29/'
# Of other pictures and films in the same file (motion, depth, gain of brightness, a small copy of the face before the
# edit), which are not written again.
_STALE = re.compile(
    'http://ns.google.com/photos/(1.0|dd/1.0)/(camera|container|image|depthmap|audio|device|profile)/'
    '|http://ns.adobe.com/hdr-gain-map/1.0/|http://ns.apple.com/(HDRGainMap|pixeldatainfo|depthData)/1.0/'
)
_THUMBNAILS = ('http://ns.adobe.com/xap/1.0/', 'Thumbnails')

_LARGEST = 1 << 20  # bytes; hostile ones of that size take a second
_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'
_BEGIN = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_END = b'<?xpacket end="w"?>'

_ISO_UUID = bytes.fromhex('be7acfcb97a942e89c71999491e3afac')  # of a box of XMP, as the standard gives it
# Behind the packet in a GIF, so that a reader of its blocks finds their end wherever it is.
_GIF_TRAILER = b'\x01' + bytes(range(255, -1, -1)) + b'\0'
_XMP_FLAG = 0x04  # of a WebP


def is_readable(packet: bytes) -> bool:
    """Whether a packet stays, and is not replaced by `updated`."""
    return _parsed(packet) is not None


def updated(packet: bytes | None, size: tuple[int, int], made: Mapping[str, str] | None) -> bytes | None:
    """Returns the packet for a photo that was turned upright, and perhaps edited.

    Args:
      packet: That of the file, or None.
      size: (width, height) of what is written, px.
      made: How: 'Software' and other names with their values; None where nothing is to be noted.

    Returns:
      A whole packet, UTF-8; None where there is nothing to say.
    """
    document = _parsed(packet)
    if document is None:
        if made is None:
            return None
        document = minidom.parseString(_EMPTY)
    try:
        descriptions = _descriptions(document)
        for description in descriptions:
            _correct(description, size)
        if made is not None:
            _note(document, descriptions, made)
        text = document.documentElement.toxml()
    except RecursionError:  # a document as deep as nobody writes
        return None if packet is None or made is None else updated(None, size, made)
    return _BEGIN + text.encode('utf-8', 'replace') + _END


def mark_film(path: pathlib.Path, packet: bytes) -> None:
    """Adds a packet of XMP to a film, .mp4, .mov, .webp or .gif, that has none."""
    kind = path.suffix.lower()
    if kind in ('.mp4', '.mov'):
        with open(path, 'ab') as file:
            file.write(struct.pack('>I4s', 24 + len(packet), b'uuid') + _ISO_UUID + packet)
        return
    content = bytearray(path.read_bytes())
    if kind == '.gif':
        palette = 3 << (content[10] & 7) + 1 if content[10] & 0x80 else 0  # bytes of it behind the head, if any
        content[13 + palette : 13 + palette] = b'\x21\xff\x0bXMP DataXMP' + packet + _GIF_TRAILER
    else:
        content += b'XMP ' + struct.pack('<I', len(packet)) + packet + bytes(len(packet) % 2)
        content[4:8] = struct.pack('<I', len(content) - 8)
        content[20] |= _XMP_FLAG  # one of VP8X, which every animation begins with
    path.write_bytes(content)


def _parsed(packet: bytes | None) -> minidom.Document | None:
    packet = (packet or b'').strip(b'\0 \t\r\n')
    declares = b'<!' in packet.replace(b'<!--', b'').replace(b'<![CDATA[', b'')
    # Zeros: UTF-16, in which declarations would not be seen, and which readers of photos do not expect.
    if not packet or len(packet) > _LARGEST or declares or b'\0' in packet:
        return None
    try:
        document = minidom.parseString(packet)
        return document if _descriptions(document) is not None else None
    except (expat.ExpatError, ValueError, LookupError, RecursionError):
        return None


def _descriptions(document: minidom.Document) -> list[minidom.Element] | None:
    """Those of the one RDF that counts; None if there is none."""
    found = document.getElementsByTagNameNS(_RDF, 'RDF')
    if not found:
        return None
    return [node for node in found[0].childNodes if (node.namespaceURI, node.localName) == (_RDF, 'Description')]


def _properties(description: minidom.Element) -> list[minidom.Node]:
    """Attributes and elements."""
    attributes = list(description.attributes.values())  # `item` counts from the first each time
    elements = [node for node in description.childNodes if node.nodeType == node.ELEMENT_NODE]
    return [*attributes, *elements]


def _remove(description: minidom.Element, node: minidom.Node) -> None:
    if node.nodeType == node.ATTRIBUTE_NODE:
        description.removeAttributeNode(node)
    else:
        description.removeChild(node)


def _correct(description: minidom.Element, size: tuple[int, int]) -> None:
    """Sets orientation and sizes that are stated, and removes what was about other pictures in the file."""
    width, height = map(str, size)
    right = {
        (_TIFF, 'Orientation'): '1',
        (_TIFF, 'ImageWidth'): width,
        (_TIFF, 'ImageLength'): height,
        (_EXIF, 'PixelXDimension'): width,
        (_EXIF, 'PixelYDimension'): height,
    }
    for node in _properties(description):
        name = node.namespaceURI, node.localName
        if name == _THUMBNAILS or _STALE.match(node.namespaceURI or ''):
            _remove(description, node)
        elif name in right and node.nodeType == node.ATTRIBUTE_NODE:
            node.value = right[name]
        elif name in right:
            node.childNodes[:] = [node.ownerDocument.createTextNode(right[name])]


def _note(document: minidom.Document, descriptions: list[minidom.Element], made: Mapping[str, str]) -> None:
    """Adds the source type, in place of another, and an event to the history."""
    history = None
    for description in descriptions:
        for node in _properties(description):
            name = node.namespaceURI, node.localName
            if name == (_IPTC, 'DigitalSourceType'):
                _remove(description, node)
            elif name == (_MEDIA, 'History') and node.nodeType == node.ELEMENT_NODE:
                history = next(iter(node.getElementsByTagNameNS(_RDF, 'Seq')), history)
    rdf = document.getElementsByTagNameNS(_RDF, 'RDF')[0]
    new = _add(rdf, _RDF, 'rdf:Description')
    new.setAttributeNS(_RDF, 'rdf:about', descriptions[0].getAttributeNS(_RDF, 'about') if descriptions else '')
    _add(new, _IPTC, 'Iptc4xmpExt:DigitalSourceType').appendChild(document.createTextNode(SOURCE_TYPE))
    if history is None:
        history = _add(_add(new, _MEDIA, 'xmpMM:History'), _RDF, 'rdf:Seq')
    event = _add(history, _RDF, 'rdf:li')
    _declare(event, _EVENT, 'stEvt')
    told = {name: printable(value) for name, value in made.items()}
    event.setAttributeNS(_EVENT, 'stEvt:action', 'edited')
    event.setAttributeNS(_EVENT, 'stEvt:softwareAgent', told.pop('Software', 'fvae_jax'))
    event.setAttributeNS(_EVENT, 'stEvt:parameters', '; '.join(f'{name}: {value}' for name, value in told.items()))


def _add(parent: minidom.Element, namespace: str, name: str) -> minidom.Element:
    """Appends an element whose prefix means what it shall, whatever it means around it."""
    element = parent.ownerDocument.createElementNS(namespace, name)
    _declare(element, namespace, name.partition(':')[0])
    return parent.appendChild(element)


def _declare(element: minidom.Element, namespace: str, prefix: str) -> None:
    element.setAttributeNS(XMLNS_NAMESPACE, f'xmlns:{prefix}', namespace)
