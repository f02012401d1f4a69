//! Notes over HTTP; comments of a task are notes with its id.

use kartoteka_domain::note::{ListNotes, NewNote, Note};

use crate::{crud, record};

crud! { Note, NewNote, ListNotes; "notes", "/v1/notes", "/v1/notes/{id}", "/v1/notes/{id}/restore";
    list list_notes "List notes", get get_note "Get a note", read ReadNotes;
    create create_note "Write a note", right CreateNotes, by crud::create;
    update update_note "Change a note", right UpdateNotes, by crud::update;
    archive archive_note "Archive a note", by record::archive::<Note>;
    restore restore_note "Restore a note", by record::restore::<Note>;
}
