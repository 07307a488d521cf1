# The version is the header's. It serves whoever asks for the same major version, and no newer one.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../../../include/diffkit.h version REGEX "^#define DK_VERSION_(MAJOR|MINOR) ")
string(REGEX REPLACE "[^0-9;]" "" version "${version}")
string(REPLACE ";" "." PACKAGE_VERSION "${version}")
list(GET version 0 major)

set(PACKAGE_VERSION_COMPATIBLE FALSE)
if(PACKAGE_FIND_VERSION_MAJOR EQUAL major AND NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
endif()
