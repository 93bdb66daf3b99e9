# embed.cmake: makes ${CMAKE_BINARY_DIR}/web_assets.c, which holds every file of web/, and docs/*.yaml (src/api/assets.h).
# The charts of the dashboard are uPlot's, from the locked package in web/charts/node_modules (`make build` fetches it); where that is not
# there, files of the same names in web/charts/absent say so, and the dashboard shows tables.
# The assembler reads the files, so that it costs no time; the object is made again when one of them changes.
file(GLOB WEB_FILES RELATIVE ${CMAKE_SOURCE_DIR}/web CONFIGURE_DEPENDS
     web/*.html web/*.js web/*.css web/*.svg web/*.png web/*.ico web/*.json web/*.woff2 web/*.wasm web/*.txt)
list(TRANSFORM WEB_FILES PREPEND web/)
file(GLOB UPLOT RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS
     web/charts/node_modules/uplot/dist/uPlot.esm.js web/charts/node_modules/uplot/dist/uPlot.min.css)
list(LENGTH UPLOT UPLOT_FILES)
if(NOT UPLOT_FILES EQUAL 2)
  set(UPLOT web/charts/absent/uPlot.esm.js web/charts/absent/uPlot.min.css)
endif()
list(APPEND WEB_FILES ${UPLOT})
list(APPEND WEB_FILES docs/asyncapi.yaml docs/openapi.yaml)
set(source "#include \"api/assets.h\"\n")
set(table "")
set(paths "")
set(i 0)
foreach(file IN LISTS WEB_FILES)
  string(APPEND source
    "__asm__(\".section .rodata\\n.global asset_${i}\\n.hidden asset_${i}\\nasset_${i}:\\n\"\n"
    "        \".incbin \\\"${CMAKE_SOURCE_DIR}/${file}\\\"\\n\"\n"
    "        \".global asset_${i}_end\\n.hidden asset_${i}_end\\nasset_${i}_end:\\n.byte 0\\n.previous\\n\");\n"
    "extern const unsigned char asset_${i}[], asset_${i}_end[];\n")
  get_filename_component(name ${file} NAME)
  string(APPEND table "    {\"/${name}\", asset_${i}, asset_${i}_end},\n")
  list(APPEND paths ${CMAKE_SOURCE_DIR}/${file})
  math(EXPR i "${i} + 1")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/web_assets.c
     CONTENT "${source}const asset assets[] = {\n${table}    {0},\n};\n" @ONLY)
set_source_files_properties(${CMAKE_BINARY_DIR}/web_assets.c PROPERTIES OBJECT_DEPENDS "${paths}")
