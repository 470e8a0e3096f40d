"""Transaction services run from the centre (T-rows of the requirements): announcements, files, tenders.

Nothing runs here yet: the folder keeps the place in the import order (main > transactions > archive > …), so that
what comes later has nowhere else to go. It may import every subject below it, and nothing but `venue.main` may
import it. Start with the requirements' section T when the first service is built.
"""
