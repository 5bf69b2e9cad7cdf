"""Films on a film imager: the appliance as Print SCU (PS3.4 Annex H), store and forward.

The imager gets what the console sent: the same pixels, the same bits, the same Presentation LUT, and of the optional
attributes those that the console set. What it cannot take is baked into the pixels or left out, which is told. A film
must come out once: it is noted before each N-ACTION, and a connection that breaks between N-ACTION and its answer
leaves a film that nobody can vouch for, so it is held. Where the imager makes a Print Job of it, the film is done when
that is.
"""
