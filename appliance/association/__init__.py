"""The upper layer as acceptor: PS3.8 on asyncio, with pynetdicom's codecs and negotiation."""
